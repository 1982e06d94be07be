//! What watching may cost, measured. Ignored: figures mean something only in a release build on a quiet machine.

use std::time::{Duration, Instant};

use super::cpu::thread_time;
use super::tests::{Watching, last, node, spec};
use crate::sys::conntrack::Conntrack;
use crate::sys::procfs::NetFile;
use crate::sys::testing::{NatLab, PATIENT, connect, listen, namespace, say, tool};

/// The least of several measurements: what the work takes where nothing else runs.
fn least(times: u32, mut work: impl FnMut() -> Duration) -> Duration {
    (0..times).map(|_| work()).min().unwrap_or_default()
}

#[test]
#[ignore = "measures"]
fn kernel_four_files_take_50_us_at_most() {
    let Some(netns) = namespace() else { return };
    let took = move || {
        let names = ["snmp", "netstat", "sockstat", "stat/nf_conntrack"];
        let mut files = names.map(|name| NetFile::open(name).unwrap());
        least(200, || {
            let before = thread_time();
            for file in &mut files {
                file.read().unwrap();
            }
            thread_time() - before
        })
    };
    let took = netns.run(took).unwrap();
    say(&format!("four files: {took:?}"));
    assert!(took <= Duration::from_micros(50), "{took:?}");
}

#[test]
#[ignore = "measures"]
fn kernel_three_namespaces_at_100_ms_take_half_a_percent_of_a_processor_at_most() {
    let Some(lab) = NatLab::build() else { return };
    let nodes = [
        node("client", &lab.client),
        node("nat", &lab.nat),
        node("server", &lab.server),
    ];
    let _listener = listen(&lab.server, NatLab::SERVER);
    for busy in [false, true] {
        let spec = spec(Duration::from_millis(100), &["nat.conntrack.entries"]);
        let watching = Watching::begin(&spec, &nodes);
        let until = Instant::now() + Duration::from_secs(3);
        let mut connections = Vec::new();
        while Instant::now() < until {
            if busy && connections.len() < 1500 {
                connections.extend(connect(&lab.client, NatLab::SERVER, 1, PATIENT));
            }
            std::thread::park_timeout(Duration::from_millis(2));
        }
        let timeline = watching.stop();
        let cost: u64 = timeline.looks.values().flatten().map(|look| look.1).sum();
        let share = cost as f64 / timeline.now.0 as f64;
        say(&format!(
            "busy: {busy}: {:.2} % of a processor",
            share * 100.0
        ));
        assert!(busy || share <= 0.005, "{share}");
    }
}

#[test]
#[ignore = "measures"]
fn kernel_sockets_are_counted_five_times_faster_than_ss_lists_them() {
    let Some(netns) = namespace() else { return };
    let address = (std::net::Ipv4Addr::LOCALHOST, 80).into();
    let _listener = listen(&netns, address);
    // Nobody accepts: 4,097 pairs fit into the queue.
    let connections = connect(&netns, address, 4000, PATIENT);
    assert_eq!(connections.len(), 4000);
    let ours = least(20, || {
        let spec = spec(Duration::from_secs(1), &[]);
        let timeline = Watching::begin(&spec, &[node("n", &netns)]).stop();
        assert_eq!(last(&timeline, "n.tcp.ESTABLISHED"), 8000);
        // The first look tells every state, and reads the counters' files as well.
        Duration::from_nanos(timeline.looks["n"][0].1)
    });
    let theirs = least(5, || {
        let before = Instant::now();
        tool(&netns, "ss -Htan");
        before.elapsed()
    });
    say(&format!("8,001 sockets: {ours:?}, ss {theirs:?}"));
    assert!(theirs > 5 * ours, "{ours:?}, ss {theirs:?}");
}

#[test]
#[ignore = "measures"]
fn kernel_a_whole_table_is_filled_within_600_ms_and_emptied_within_300() {
    let Some(netns) = namespace() else { return };
    let times = netns.run(|| {
        let mut table = Conntrack::open().unwrap();
        let max = table.size().unwrap().max;
        let before = Instant::now();
        table.fill(max).unwrap();
        let filled = before.elapsed();
        assert_eq!(table.size().unwrap().count, max);
        let before = Instant::now();
        table.flush().unwrap();
        (max, filled, before.elapsed())
    });
    let (max, filled, emptied) = times.unwrap();
    say(&format!(
        "{max} entries: filled in {filled:?}, emptied in {emptied:?}"
    ));
    assert!(filled * 262_144 <= Duration::from_millis(600) * max);
    assert!(emptied * 262_144 <= Duration::from_millis(300) * max);
}
