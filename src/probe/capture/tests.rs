//! Captures of real packets, in namespaces.
//!
//! ```text
//! client 10.0.1.2 ---- 10.0.1.1 nat 10.0.2.1 ---- 10.0.2.2 server
//! ```

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::*;
use crate::probe::tests::{node, spec};
use crate::record::{self, CapturedPacket, Direction};
use crate::scenario::topology::{NodeSpec, Prefix};
use crate::sys::NetNs;
use crate::sys::testing::{NatLab, PATIENT, connect, listen, namespace, tool};

/// A file in memory, which may be full.
#[derive(Clone, Default)]
struct Sink {
    bytes: Arc<Mutex<Vec<u8>>>,
    full_at: Option<usize>,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.bytes.lock().unwrap();
        if self.full_at.is_some_and(|full| kept.len() > full) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        kept.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink {
    fn capture(&self) -> record::Capture {
        record::Capture::parse(self.bytes.lock().unwrap().as_slice()).unwrap()
    }
}

fn interface(name: &str, peer: &str, address: [u8; 4]) -> InterfaceSpec {
    InterfaceSpec {
        name: IfName::from(name),
        link: 0,
        peer: NodeName::from(peer),
        addresses: vec![Prefix {
            address: IpAddr::V4(Ipv4Addr::from(address)),
            length: 24,
        }],
    }
}

fn with_interfaces(interfaces: Vec<InterfaceSpec>) -> NodeSpec {
    NodeSpec {
        forwards: interfaces.len() > 1,
        interfaces,
        ..NodeSpec::default()
    }
}

/// Returns the run and the live lab of a [`NatLab`].
fn nat_run(lab: &NatLab) -> (RunSpec, Lab) {
    let mut spec = spec(Duration::from_millis(100), &[]);
    let nodes = [
        ("client", vec![interface("eth0", "nat", [10, 0, 1, 2])]),
        (
            "nat",
            vec![
                interface("left", "client", [10, 0, 1, 1]),
                interface("right", "server", [10, 0, 2, 1]),
            ],
        ),
        ("server", vec![interface("eth0", "nat", [10, 0, 2, 2])]),
    ];
    for (name, interfaces) in nodes {
        let nodes = &mut spec.topology.nodes;
        nodes.insert(NodeName::from(name), with_interfaces(interfaces));
    }
    let live = Lab::of(vec![
        node("client", &lab.client),
        node("nat", &lab.nat),
        node("server", &lab.server),
    ]);
    (spec, live)
}

fn clock() -> RunClock {
    RunClock::starting_in(Duration::ZERO)
}

/// Describes a packet: `client:eth0 > SYN` is its link end, direction and flags.
fn describe(capture: &record::Capture, packet: &CapturedPacket<'_>) -> String {
    let end = capture.link_end(packet.interface).unwrap();
    let way = match packet.direction.unwrap() {
        Direction::Inbound => "<",
        Direction::Outbound => ">",
    };
    // The flags are byte 13 after Ethernet and an IPv4 header without options.
    let flags = packet.bytes[14 + 20 + 13];
    let names = [(2, "SYN"), (1, "FIN"), (4, "RST"), (8, "PSH"), (16, "ACK")];
    let set = names.iter().filter(|(bit, _)| flags & bit != 0);
    let set: Vec<_> = set.map(|(_, name)| *name).collect();
    format!("{end} {way} {}", set.join("-"))
}

/// Opens a connection that the client closes; the server answers `pong`.
fn exchange(client: &NetNs, listener: &socket2::Socket) {
    let mut here = connect(client, NatLab::SERVER, 1, PATIENT).remove(0);
    let mut there: TcpStream = listener.accept().unwrap().0.into();
    there.write_all(b"pong").unwrap();
    here.read_exact(&mut [0; 4]).unwrap();
    here.shutdown(Shutdown::Write).unwrap();
    assert_eq!(there.read(&mut [0]).unwrap(), 0);
    drop(there);
    assert_eq!(here.read(&mut [0]).unwrap(), 0);
}

#[test]
#[ignore = "kernel test: needs namespaces; run with --include-ignored"]
fn kernel_datagrams_are_captured_if_the_scenario_speaks_udp() {
    let lab = NatLab::build();
    let (mut spec, live) = nat_run(&lab);
    let mut dns =
        crate::fixtures::server("dns", "server", crate::scenario::workload::Accept::Epoll);
    dns.protocol = Protocol::Udp;
    spec.workload.servers.push(dns);
    let sink = Sink::default();
    let capture = PacketCapture::prepare(&spec, &live, sink.clone()).unwrap();
    capture.begin(clock());
    let datagram = || std::net::UdpSocket::bind("0.0.0.0:0")?.send_to(b"?", NatLab::SERVER);
    lab.client.run(datagram).unwrap().unwrap();
    let summary = capture.stop();
    assert!(summary.broken.is_none(), "{summary:?}");
    let read = sink.capture();
    let protocol = |packet: CapturedPacket<'_>| packet.bytes[14 + 9];
    let seen: Vec<u8> = read.packets().map(protocol).collect();
    assert_eq!(seen, [17; 4], "at each link end of its way");
}

#[test]
#[ignore = "kernel test: needs namespaces; run with --include-ignored"]
fn kernel_a_connection_is_seen_at_every_link_end_in_the_order_of_time() {
    let lab = NatLab::build();
    let (spec, live) = nat_run(&lab);
    let listener = listen(&lab.server, NatLab::SERVER);
    let sink = Sink::default();
    let capture = PacketCapture::prepare(&spec, &live, sink.clone()).unwrap();
    let clock = clock();
    capture.begin(clock);
    exchange(&lab.client, &listener);
    // Other traffic on the same links, which is not part of the scenario.
    let datagram = || std::net::UdpSocket::bind("0.0.0.0:0")?.send_to(b"?", NatLab::SERVER);
    lab.client.run(datagram).unwrap().unwrap();
    let summary = capture.stop();
    assert!(
        summary.broken.is_none() && !summary.truncated,
        "{summary:?}"
    );
    assert_eq!((summary.dropped, summary.clock_set), (0, None));
    let read = sink.capture();
    assert_eq!(read.packets().count() as u64, summary.packets);
    assert_eq!(read.run.as_deref(), Some("watch"));
    let all: Vec<_> = read
        .packets()
        .map(|packet| describe(&read, &packet))
        .collect();
    assert_eq!(
        all[..8],
        [
            "client:eth0 > SYN",
            "nat:left < SYN",
            "nat:right > SYN",
            "server:eth0 < SYN",
            "server:eth0 > SYN-ACK",
            "nat:right < SYN-ACK",
            "nat:left > SYN-ACK",
            "client:eth0 < SYN-ACK",
        ]
    );
    // Both ends of the client's link show the same number of packets, and so do both ends of the server's.
    let at = |end: &str| all.iter().filter(|packet| packet.starts_with(end)).count();
    let ends = ["client:eth0", "nat:left", "nat:right", "server:eth0"].map(at);
    assert!(ends.iter().all(|count| *count == ends[0]), "{all:#?}");
    let zero = read.clock_zero.unwrap();
    let now = clock.now().0;
    assert!(
        read.packets()
            .all(|packet| packet.time >= zero && packet.time - zero <= now)
    );
    assert!(
        read.packets()
            .all(|packet| packet.bytes.len() <= SNAP as usize)
    );
}

#[test]
#[ignore = "kernel test: needs namespaces; run with --include-ignored"]
fn kernel_a_thousand_connections_are_captured_whole() {
    let lab = NatLab::build();
    let (spec, live) = nat_run(&lab);
    let listener = listen(&lab.server, NatLab::SERVER);
    let sink = Sink::default();
    let capture = PacketCapture::prepare(&spec, &live, sink.clone()).unwrap();
    capture.begin(clock());
    for _ in 0..1000 {
        exchange(&lab.client, &listener);
    }
    let summary = capture.stop();
    assert_eq!((summary.dropped, summary.truncated), (0, false));
    let read = sink.capture();
    let all: Vec<_> = read
        .packets()
        .map(|packet| describe(&read, &packet))
        .collect();
    for syn in [
        "client:eth0 > SYN",
        "server:eth0 < SYN",
        "server:eth0 > SYN-ACK",
    ] {
        assert_eq!(
            all.iter().filter(|packet| *packet == syn).count(),
            1000,
            "{syn}"
        );
    }
    let times: Vec<_> = read.packets().map(|packet| packet.time).collect();
    assert!(times.is_sorted());
}

#[test]
#[ignore = "kernel test: needs namespaces; run with --include-ignored"]
fn kernel_a_capture_stops_at_its_bound_and_keeps_the_first_part() {
    let lab = NatLab::build();
    let (spec, live) = nat_run(&lab);
    let listener = listen(&lab.server, NatLab::SERVER);
    let sink = Sink::default();
    let limit = 16 * 1024;
    let capture = PacketCapture::with_limit(&spec, &live, sink.clone(), limit).unwrap();
    capture.begin(clock());
    for _ in 0..50 {
        exchange(&lab.client, &listener);
    }
    let summary = capture.stop();
    assert!(summary.truncated, "{summary:?}");
    assert_eq!(summary.notes().len(), 1);
    let written = sink.bytes.lock().unwrap().len() as u64;
    assert!(written <= limit && written > limit - 1024, "{written}");
    let read = sink.capture();
    assert!(read.ends_early);
    assert_eq!(read.packets().count() as u64, summary.packets);
    assert_eq!(
        describe(&read, &read.packets().next().unwrap()),
        "client:eth0 > SYN"
    );
}

#[test]
#[ignore = "kernel test: needs namespaces; run with --include-ignored"]
fn kernel_a_full_disk_ends_the_capture_and_not_the_run() {
    let lab = NatLab::build();
    let (spec, live) = nat_run(&lab);
    let listener = listen(&lab.server, NatLab::SERVER);
    let sink = Sink {
        full_at: Some(1000),
        ..Sink::default()
    };
    let capture = PacketCapture::prepare(&spec, &live, sink).unwrap();
    capture.begin(clock());
    for _ in 0..20 {
        exchange(&lab.client, &listener);
    }
    let summary = capture.stop();
    let error = summary.broken.as_ref().expect("an error");
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(summary.gap().is_some());
}

#[test]
#[ignore = "kernel test: needs namespaces; run with --include-ignored"]
fn kernel_a_capture_that_is_killed_leaves_what_was_written() {
    let lab = NatLab::build();
    let (spec, live) = nat_run(&lab);
    let listener = listen(&lab.server, NatLab::SERVER);
    let sink = Sink::default();
    let capture = PacketCapture::prepare(&spec, &live, sink.clone()).unwrap();
    capture.begin(clock());
    exchange(&lab.client, &listener);
    // Without being stopped, the file contains a packet once nothing older can arrive.
    let deadline = Instant::now() + PATIENT;
    let written = || {
        let bytes = sink.bytes.lock().unwrap().clone();
        record::Capture::parse(bytes.as_slice()).map_or(0, |capture| capture.packets().count())
    };
    while written() < 20 {
        assert!(Instant::now() < deadline, "nothing was written");
        std::thread::yield_now();
    }
    drop(capture);
}

#[test]
#[ignore = "kernel test: needs namespaces; run with --include-ignored"]
fn kernel_missing_interfaces_are_reported() {
    let netns = namespace();
    let mut spec = spec(Duration::from_millis(100), &[]);
    let missing = vec![interface("eth7", "nobody", [10, 0, 0, 1])];
    let nodes = &mut spec.topology.nodes;
    nodes.insert(NodeName::from("alone"), with_interfaces(missing));
    let live = Lab::of(vec![node("alone", &netns)]);
    let error = PacketCapture::prepare(&spec, &live, io::sink()).expect_err("an error");
    let said = "cannot capture packets at `alone:eth7` (CONFIG_PACKET, CAP_NET_RAW)";
    assert_eq!(error.to_string(), said);
}

#[test]
#[ignore = "kernel test: needs namespaces; run with --include-ignored"]
fn kernel_a_capture_that_never_began_ends_at_once() {
    let lab = NatLab::build();
    let (spec, live) = nat_run(&lab);
    let sink = Sink::default();
    let capture = PacketCapture::prepare(&spec, &live, sink.clone()).unwrap();
    let summary = capture.stop();
    assert_eq!((summary.packets, summary.broken.is_none()), (0, true));
    assert!(sink.bytes.lock().unwrap().is_empty());
}

#[test]
#[ignore = "kernel test: needs namespaces; run with --include-ignored"]
fn kernel_a_link_that_was_down_is_seen_again() {
    let lab = NatLab::build();
    let (spec, live) = nat_run(&lab);
    let listener = listen(&lab.server, NatLab::SERVER);
    let sink = Sink::default();
    let capture = PacketCapture::prepare(&spec, &live, sink.clone()).unwrap();
    capture.begin(clock());
    tool(&lab.nat, "ip link set right down");
    tool(&lab.nat, "ip link set right up");
    exchange(&lab.client, &listener);
    let summary = capture.stop();
    assert!(summary.broken.is_none(), "{summary:?}");
    let read = sink.capture();
    let all: Vec<_> = read
        .packets()
        .map(|packet| describe(&read, &packet))
        .collect();
    assert!(all.contains(&"nat:right > SYN".to_owned()), "{all:?}");
}
