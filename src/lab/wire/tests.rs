//! Wires between real namespaces.
//!
//!     a 10.0.0.1 eth0 ---- wa [wire] wb ---- eth0 10.0.0.2 b

mod cut;
mod faults;
mod recycling;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::process::Command as Program;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::*;
use crate::record::{Event, RecorderClosed, Timeline};
use crate::sys::packet::Frames;
use crate::units::{Percent, Rate};

const fn ms(value: u64) -> Duration {
    Duration::from_millis(value)
}

fn namespace() -> NetNs {
    NetNs::create().expect("creating a network namespace requires CAP_SYS_ADMIN")
}

/// Runs a shell script in a namespace.
fn shell(netns: &NetNs, script: &str) {
    let script = script.to_owned();
    let status = netns
        .run(move || Program::new("sh").args(["-ec", &script]).status())
        .unwrap();
    assert!(status.unwrap().success());
}

fn path_of(netns: &NetNs) -> String {
    format!(
        "/proc/{}/fd/{}",
        std::process::id(),
        netns.as_fd().as_raw_fd()
    )
}

/// Creates a veth pair between the wire's namespace, where it is called `end`, and the namespace of `node`.
fn add_veth(wires: &NetNs, end: &str, node: &NetNs, interface: &str) {
    let script = format!(
        "ip link add {end} type veth peer name {interface} netns {}; ip link set {end} up",
        path_of(node)
    );
    shell(wires, &script);
    shell(
        node,
        &format!("ip link set {interface} up; ip link set lo up"),
    );
}

fn disable_ipv6(wires: &NetNs) {
    shell(
        wires,
        "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6",
    );
}

fn end(interface: &str, node: &str) -> WireEnd {
    WireEnd {
        interface: interface.into(),
        node: node.into(),
        recycle: None,
        clock: None,
    }
}

/// A buffer that collects a record.
#[derive(Clone, Default)]
struct RecordBuffer(Arc<Mutex<Vec<u8>>>);

impl Write for RecordBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl RecordBuffer {
    fn timeline(self, closed: RecorderClosed) -> Timeline {
        closed.wait().unwrap();
        let mut timeline = Timeline::default();
        for model in self.0.lock().unwrap().split(|byte| *byte == b'\n') {
            if !model.is_empty() {
                timeline.add(serde_json::from_slice::<Event>(model).unwrap());
            }
        }
        timeline
    }
}

fn last(timeline: &Timeline, series: &str) -> i64 {
    timeline.series(series).unwrap().last().unwrap()
}

/// Two nodes and the wire between them.
struct WiredPair {
    a: NetNs,
    b: NetNs,
    wire: Wire,
    recorder: Recorder,
    closed: RecorderClosed,
    output: RecordBuffer,
}

impl WiredPair {
    fn new(impairment: &Impairment, seed: u64) -> Self {
        Self::with_faults(impairment, &[], seed)
    }

    fn with_faults(impairment: &Impairment, faults: &[FaultSpec], seed: u64) -> Self {
        let (a, b, wires) = (namespace(), namespace(), namespace());
        disable_ipv6(&wires);
        add_veth(&wires, "wa", &a, "eth0");
        add_veth(&wires, "wb", &b, "eth0");
        let addresses = |n: u8| {
            format!("ip addr add 10.0.0.{n}/24 dev eth0; ip addr add fd00::{n}/64 dev eth0 nodad")
        };
        shell(&a, &addresses(1));
        shell(&b, &addresses(2));
        let wire = Wire::start(
            &wires,
            [end("wa", "a"), end("wb", "b")],
            impairment,
            faults,
            seed,
        )
        .unwrap();
        let output = RecordBuffer::default();
        let (recorder, closed) = Recorder::start(output.clone()).unwrap();
        // Neighbours resolve each other before anything can be lost.
        assert!(round_trip(&a, &b, 1)[0] < Duration::from_secs(5));
        Self {
            a,
            b,
            wire,
            recorder,
            closed,
            output,
        }
    }

    fn begin(&self) {
        self.wire
            .begin(RunClock::starting_in(Duration::ZERO), &self.recorder);
    }

    fn finish(self) -> Timeline {
        self.wire.stop().unwrap();
        drop(self.recorder);
        self.output.timeline(self.closed)
    }
}

/// Measures round trips of small datagrams, one after the other.
fn round_trip(a: &NetNs, b: &NetNs, count: usize) -> Vec<Duration> {
    // The port of an earlier call may still be in use by a process that another test is about to start.
    let server = b.run(|| UdpSocket::bind("10.0.0.2:0")).unwrap().unwrap();
    let client = a.run(|| UdpSocket::bind("10.0.0.1:0")).unwrap().unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    client.connect(server.local_addr().unwrap()).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let ended = done.clone();
    server.set_read_timeout(Some(ms(20))).unwrap();
    let echo = std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while !ended.load(Ordering::Relaxed) {
            if let Ok((length, from)) = server.recv_from(&mut buffer) {
                server.send_to(&buffer[..length], from).unwrap();
            }
        }
    });
    let mut buffer = [0; 64];
    let trips = (0..count)
        .map(|_| {
            let sent = Instant::now();
            client.send(b"ping").unwrap();
            client.recv(&mut buffer).unwrap();
            sent.elapsed()
        })
        .collect();
    done.store(true, Ordering::Relaxed);
    echo.join().unwrap();
    trips
}

/// Sends MiBs from `a` to `b` over TCP, checks every byte, and returns how long it took.
fn transfer(a: &NetNs, b: &NetNs, server: &'static str, blocks: usize) -> Duration {
    const BLOCK: usize = 1 << 20;
    // 251 is coprime to the length of a block, so each position of the stream differs from those around it.
    let pattern: Arc<Vec<u8>> = Arc::new((0..BLOCK + 251).map(|at| (at % 251) as u8).collect());
    let block = |index: usize| index * BLOCK % 251..index * BLOCK % 251 + BLOCK;
    let listener = b.run(move || TcpListener::bind(server)).unwrap().unwrap();
    let started = Instant::now();
    let expected = pattern.clone();
    let reader = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut read = vec![0; BLOCK];
        for index in 0..blocks {
            stream.read_exact(&mut read).unwrap();
            assert!(
                read == expected[block(index)],
                "block {index} came otherwise"
            );
        }
        assert_eq!(stream.read(&mut read).unwrap(), 0);
    });
    let mut stream = a.run(move || TcpStream::connect(server)).unwrap().unwrap();
    for index in 0..blocks {
        stream.write_all(&pattern[block(index)]).unwrap();
    }
    drop(stream);
    reader.join().unwrap();
    started.elapsed()
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_transfer_passes_intact_over_ipv4_and_ipv6_in_large_segments() {
    let link = WiredPair::new(&Impairment::default(), 1);
    let watcher = link.b.run(|| PacketSocket::open("eth0")).unwrap().unwrap();
    link.begin();
    transfer(&link.a, &link.b, "10.0.0.2:80", 4);
    let mut frames = Frames::new();
    let mut longest = 0;
    loop {
        watcher.receive(&mut frames).unwrap();
        let Some(length) = frames.iter_mut().map(|frame| frame.len()).max() else {
            break;
        };
        longest = longest.max(length);
    }
    assert!(longest > 10_000, "the longest frame had {longest} bytes");
    transfer(&link.a, &link.b, "[fd00::2]:80", 4);
    let timeline = link.finish();
    assert_eq!(last(&timeline, "wire.a-b.dropped"), 0);
    assert_eq!(last(&timeline, "wire.a-b.lost"), 0);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_delay_is_applied_in_each_direction() {
    let impairment = Impairment {
        delay: Some(ms(10)),
        ..Impairment::default()
    };
    let link = WiredPair::new(&impairment, 1);
    let sorted = || {
        let mut trips = round_trip(&link.a, &link.b, 51);
        trips.sort();
        trips
    };
    let before = sorted()[25];
    assert!(before < ms(5), "it has not begun: {before:?}");
    link.begin();
    // Other load on the machine only adds delay: the quickest trip shows what the wire does, and none
    // may be too quick.
    let trips: Vec<Duration> = (0..5).flat_map(|_| sorted()).collect();
    let quickest = *trips.iter().min().unwrap();
    assert!(quickest >= ms(20), "{quickest:?}");
    assert!(
        quickest < ms(20) + Duration::from_micros(300),
        "{quickest:?}, {before:?} without delay"
    );
    link.wire.set_impairment(Impairment::default());
    let after = sorted()[25];
    assert!(after < ms(5), "{after:?}");
    link.finish();
}

/// Sends numbered datagrams and returns the numbers of those that arrive. Few are on the way at any time, so no buffer
/// overflows, however late a thread gets its turn.
fn arrivals(seed: u64, count: u32) -> (Vec<u32>, Timeline) {
    const ON_THE_WAY: u32 = 100;
    let impairment = Impairment {
        loss: Percent::from_fraction(0.05),
        ..Impairment::default()
    };
    let link = WiredPair::new(&impairment, seed);
    let receiver = link
        .b
        .run(|| UdpSocket::bind("10.0.0.2:9"))
        .unwrap()
        .unwrap();
    let sender = link
        .a
        .run(|| UdpSocket::bind("10.0.0.1:9"))
        .unwrap()
        .unwrap();
    sender.connect("10.0.0.2:9").unwrap();
    link.begin();
    let newest = Arc::new(AtomicU32::new(0));
    let seen = newest.clone();
    let reader = std::thread::spawn(move || {
        let mut arrived = Vec::new();
        let mut number = [0; 4];
        loop {
            receiver.recv(&mut number).unwrap();
            let number = u32::from_be_bytes(number);
            seen.store(number, Ordering::Relaxed);
            if number == u32::MAX {
                // The socket stays open, because datagrams to a closed port make the next call of the sender fail.
                break (arrived, receiver);
            }
            arrived.push(number);
        }
    });
    for number in 0..count {
        // That so many in a row are lost does not happen.
        while number > newest.load(Ordering::Relaxed) + ON_THE_WAY {
            std::thread::yield_now();
        }
        sender.send(&number.to_be_bytes()).unwrap();
    }
    while newest.load(Ordering::Relaxed) != u32::MAX {
        sender.send(&u32::MAX.to_be_bytes()).unwrap();
    }
    let (arrived, _open) = reader.join().unwrap();
    (arrived, link.finish())
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_the_requested_share_is_lost_and_the_same_packets_for_the_same_seed() {
    let (first, timeline) = arrivals(42, 4_000);
    assert_eq!(last(&timeline, "wire.a-b.dropped"), 0);
    let lost = 4_000 - first.len();
    assert!((150..250).contains(&lost), "{lost} of 4,000");
    assert!(last(&timeline, "wire.a-b.lost") >= lost as i64);
    assert_eq!(first, arrivals(42, 4_000).0);
    assert_ne!(first, arrivals(43, 4_000).0);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_an_error_names_the_missing_interface() {
    let wires = namespace();
    let error = Wire::start(
        &wires,
        [end("lo", "a"), end("nowhere", "b")],
        &Impairment::default(),
        &[],
        1,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot open a packet socket on `nowhere`, which leads to `b`"
    );
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_transfer_keeps_to_the_rate() {
    // The same if each packet carries several segments.
    for most in [1, 6] {
        transfer_keeps_to_the_rate(most);
    }
}

fn transfer_keeps_to_the_rate(most_segments: u32) {
    let impairment = Impairment {
        rate: Rate::per_second(80e6),
        ..Impairment::default()
    };
    let link = WiredPair::new(&impairment, 1);
    for node in [&link.a, &link.b] {
        shell(
            node,
            &format!("ip link set eth0 gso_max_segs {most_segments}"),
        );
    }
    link.begin();
    let took = transfer(&link.a, &link.b, "10.0.0.2:80", 5);
    // 5 MiB at 10 MB/s, and 66 bytes of headers for each 1,448 of data.
    let least = Duration::from_secs_f64(5.0 * 1_048_576.0 * (1_514.0 / 1_448.0) / 10e6);
    assert!(took >= least, "{took:?}");
    assert!(took < least + least / 5, "{took:?} against {least:?}");
    assert_eq!(last(&link.finish(), "wire.a-b.dropped"), 0);
}
