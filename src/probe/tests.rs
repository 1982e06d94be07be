//! Probes in real namespaces, compared with the standard tools.

use crate::fixtures::run_spec;
use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{NamedSeries, Probes};
use crate::lab::{LiveNode, leave_free_entries};
use crate::names::{NodeName, SeriesName};
use crate::record::{
    Event, Offset, Recorder, RecorderClosed, RunClock, Series, SeriesKind, Timeline,
};
use crate::scenario::RunSpec;
use crate::sys::NetNs;
use crate::sys::testing::{HASTY, NatLab, PATIENT, connect, listen, namespace, tool, wait_until};

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1)), 80);

/// Returns a run that only watches, with expectations that name these series.
pub(super) fn spec(every: Duration, named: &[&str]) -> RunSpec {
    RunSpec {
        watched: named.iter().copied().map(SeriesName::new).collect(),
        sample_every: every,
        ..run_spec("watch")
    }
}

pub(super) fn node(name: &str, netns: &NetNs) -> LiveNode {
    LiveNode {
        name: NodeName::from(name),
        netns: netns.clone(),
        nofile: None,
    }
}

/// Keeps the output of a recorder.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Kept {
    fn timeline(&self) -> Timeline {
        let mut timeline = Timeline::default();
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        for line in text.lines() {
            timeline.add(serde_json::from_str::<Event>(line).unwrap());
        }
        timeline
    }
}

pub(super) struct Watching {
    probes: Probes,
    kept: Kept,
    recorder: Recorder,
    closed: RecorderClosed,
}

impl Watching {
    pub(super) fn begin(spec: &RunSpec, nodes: &[LiveNode]) -> Self {
        let kept = Kept::default();
        let (recorder, closed) = Recorder::start(kept.clone()).unwrap();
        let nodes: Vec<&LiveNode> = nodes.iter().collect();
        let probes = Probes::watching((spec, &NamedSeries::of(spec)), &nodes, &recorder).unwrap();
        probes.begin(RunClock::starting_in(Duration::ZERO));
        Self {
            probes,
            kept,
            recorder,
            closed,
        }
    }

    pub(super) fn stop(self) -> Timeline {
        self.probes.stop().unwrap();
        drop(self.recorder);
        self.closed.wait().unwrap();
        self.kept.timeline()
    }
}

fn series<'a>(timeline: &'a Timeline, name: &str) -> &'a Series {
    let found = timeline.series(name);
    found.unwrap_or_else(|| panic!("{name} is not recorded"))
}

pub(super) fn last(timeline: &Timeline, name: &str) -> i64 {
    let last = series(timeline, name).last();
    last.unwrap_or_else(|| panic!("{name} has no value"))
}

/// Returns a counter as nstat(8) prints it, since the namespace began.
fn nstat(netns: &NetNs) -> BTreeMap<String, i64> {
    let text = tool(netns, "nstat -asz");
    let pair = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
    };
    text.lines().filter_map(pair).collect()
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_records_agree_with_ss_nstat_and_conntrack() {
    let lab = NatLab::build();
    let named = ["client.TcpExtListenDrops", "nat.conntrack.drop"];
    let spec = spec(Duration::from_millis(20), &named);
    let nodes = [
        node("client", &lab.client),
        node("nat", &lab.nat),
        node("server", &lab.server),
    ];
    let _listener = listen(&lab.server, NatLab::SERVER);
    let before = nstat(&lab.client);
    let watching = Watching::begin(&spec, &nodes);
    wait_until("the first look", || {
        watching.kept.timeline().looks.len() == 3
    });
    let connections = connect(&lab.client, NatLab::SERVER, 1000, PATIENT);
    assert_eq!(connections.len(), 1000);
    let timeline = watching.stop();

    assert_eq!(last(&timeline, "client.tcp.ESTABLISHED"), 1000);
    assert_eq!(last(&timeline, "server.tcp.ESTABLISHED"), 1000);
    assert_eq!(last(&timeline, "server.tcp.LISTEN"), 1);
    assert_eq!(last(&timeline, "nat.tcp.ESTABLISHED"), 0);
    let entries = tool(&lab.nat, "conntrack -C").trim().parse().unwrap();
    assert_eq!(last(&timeline, "nat.conntrack.entries"), entries);
    assert_eq!(last(&timeline, "nat.conntrack.drop"), 0);
    assert!(last(&timeline, "nat.conntrack.max") >= entries);
    assert!(timeline.series("client.conntrack.entries").is_none());
    for (name, value) in nstat(&lab.client) {
        let recorded = timeline.series(&format!("client.{name}"));
        let recorded = recorded.and_then(Series::last).unwrap_or(0);
        assert_eq!(recorded, value - before.get(&name).unwrap_or(&0), "{name}");
    }
    let established = series(&timeline, "client.tcp.ESTABLISHED");
    assert_eq!(established.changes[0], (Offset::ZERO, 0), "from the start");
    let connects = series(&timeline, "client.TcpActiveOpens");
    assert_eq!(connects.changes[0], (Offset::ZERO, 0), "counts from 0");
    let established = series(&timeline, "client.TcpCurrEstab");
    assert_eq!(established.declaration.kind, SeriesKind::Gauge);
    assert_eq!(
        last(&timeline, "client.TcpExtListenDrops"),
        0,
        "it is named"
    );
    assert!(timeline.series("client.TcpExtTCPMD5Failure").is_none());
    for (name, unchanged) in [("client.TcpActiveOpens", 0), ("nat.conntrack.max", 0)] {
        let changes = &series(&timeline, name).changes;
        let repeated = changes.windows(2).filter(|pair| pair[0].1 == pair[1].1);
        assert_eq!(repeated.count(), unchanged, "{name}");
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_small_sockets_in_fin_wait2_are_not_time_wait() {
    let netns = namespace();
    let listener = listen(&netns, LOOPBACK);
    let mut connections = connect(&netns, LOOPBACK, 15, PATIENT);
    let peers: Vec<_> = (0..15).map(|_| listener.accept().unwrap().0).collect();
    // Ten close and wait for peers that never do; the peers of the other five have closed first.
    for (peer, connection) in peers.iter().zip(&connections).skip(10) {
        connection.shutdown(Shutdown::Write).unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
    }
    connections.truncate(0);
    wait_until("every FIN is acknowledged", || {
        tool(&netns, "ss -Htan state fin-wait-2").lines().count() == 10
            && tool(&netns, "ss -Htan state time-wait").lines().count() == 5
    });
    let sockstat = tool(&netns, "cat /proc/thread-self/net/sockstat");
    assert!(sockstat.contains(" tw 15 "), "{sockstat}");
    let watching = Watching::begin(&spec(Duration::from_secs(10), &[]), &[node("n", &netns)]);
    let timeline = watching.stop();
    assert_eq!(last(&timeline, "n.tcp.TIME_WAIT"), 5);
    assert_eq!(last(&timeline, "n.tcp.FIN_WAIT2"), 10);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_changes_between_looks_are_seen_without_a_listing_in_between() {
    let netns = namespace();
    let listener = listen(&netns, LOOPBACK);
    let every = Duration::from_millis(5);
    let watching = Watching::begin(&spec(every, &[]), &[node("n", &netns)]);
    let recorded = |name: &str, value| {
        let recorded = || watching.kept.timeline().series(name).and_then(Series::last);
        wait_until(&format!("{name} is {value}"), || recorded() == Some(value));
    };
    recorded("n.tcp.LISTEN", 1);
    let second = listen(&netns, SocketAddr::new(LOOPBACK.ip(), 81));
    recorded("n.tcp.LISTEN", 2);
    drop(second);
    recorded("n.tcp.LISTEN", 1);
    let connections = connect(&netns, LOOPBACK, 4, PATIENT);
    recorded("n.tcp.ESTABLISHED", 8);
    drop(connections);
    recorded("n.tcp.CLOSE_WAIT", 4);
    recorded("n.tcp.FIN_WAIT2", 4);
    recorded("n.tcp.ESTABLISHED", 0);
    let more = connect(&netns, LOOPBACK, 3, PATIENT);
    recorded("n.tcp.ESTABLISHED", 6);
    drop(more);
    drop(listener);
    recorded("n.tcp.CLOSE_WAIT", 0);
    watching.stop();
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_memory_is_recorded_only_if_named() {
    let netns = namespace();
    let _listener = listen(&netns, LOOPBACK);
    let mut connections = connect(&netns, LOOPBACK, 3, PATIENT);
    for connection in &mut connections {
        connection.write_all(&[1; 1000]).unwrap();
    }
    let nodes = [node("n", &netns)];
    let asked = spec(Duration::from_secs(1), &["n.memory.tcp"]);
    let timeline = Watching::begin(&asked, &nodes).stop();
    assert!(last(&timeline, "n.memory.tcp") >= 3000);
    let not_asked = spec(Duration::from_secs(1), &[]);
    let timeline = Watching::begin(&not_asked, &nodes).stop();
    assert!(timeline.series("n.memory.tcp").is_none());
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_counters_that_this_kernel_lacks_are_not_recorded() {
    let netns = namespace();
    let named = ["n.TcpExtPAWSPassiveNever", "n.TcpExtTW"];
    let spec = spec(Duration::from_secs(1), &named);
    let timeline = Watching::begin(&spec, &[node("n", &netns)]).stop();
    assert!(timeline.series("n.TcpExtPAWSPassiveNever").is_none());
    assert_eq!(last(&timeline, "n.TcpExtTW"), 0);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_full_tables_are_logged_with_their_namespace() {
    let (lab, other) = (NatLab::build(), NatLab::build());
    let spec = spec(Duration::from_secs(1), &[]);
    let of_lab = Watching::begin(&spec, &[node("nat", &lab.nat)]);
    let of_other = Watching::begin(&spec, &[node("nat", &other.nat)]);
    let _listener = listen(&lab.server, NatLab::SERVER);
    leave_free_entries(&lab.nat, 1, false).unwrap();
    let _connections = connect(&lab.client, NatLab::SERVER, 1, PATIENT);
    // The kernel limits such lines to ten in five seconds for all namespaces together.
    wait_until("the kernel says that the table is full", || {
        connect(&lab.client, NatLab::SERVER, 1, HASTY);
        let timeline = of_lab.kept.timeline();
        let log = timeline.series("kernel.log");
        log.is_none_or(|log| {
            log.lines
                .iter()
                .any(|(_, line)| line.contains("table full"))
        })
    });
    let (of_lab, of_other) = (of_lab.stop(), of_other.stop());
    assert!(of_lab.series("kernel.log").is_some(), "{:?}", of_lab.notes);
    let netns = format!("netns {}", lab.nat.inode().unwrap());
    let log = &series(&of_lab, "kernel.log").lines;
    assert!(log.iter().any(|(_, line)| line.contains(&netns)), "{log:?}");
    let log = &series(&of_other, "kernel.log").lines;
    assert!(
        !log.iter().any(|(_, line)| line.contains(&netns)),
        "{log:?}"
    );
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_looks_keep_to_the_schedule() {
    let netns = namespace();
    let every = Duration::from_millis(10);
    let watching = Watching::begin(&spec(every, &[]), &[node("n", &netns)]);
    let looks = |timeline: &Timeline| timeline.looks.get("n").map_or(0, Vec::len);
    wait_until("fifty looks", || looks(&watching.kept.timeline()) >= 50);
    let timeline = watching.stop();
    let looks = &timeline.looks["n"];
    let every = Offset::from_duration(every).0;
    // The last look came when it was requested.
    let mut late: Vec<u64> = looks[..looks.len() - 1]
        .iter()
        .map(|(t, _)| t.0 % every)
        .collect();
    late.sort_unstable();
    let median = late[late.len() / 2];
    assert!(median < every / 2, "looks drift: {late:?}");
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_stopping_takes_a_last_look_and_does_not_wait_for_the_next() {
    let netns = namespace();
    let _listener = listen(&netns, LOOPBACK);
    let hour = Duration::from_secs(3600);
    let watching = Watching::begin(&spec(hour, &[]), &[node("n", &netns)]);
    wait_until("the first look", || {
        !watching.kept.timeline().looks.is_empty()
    });
    let _connections = connect(&netns, LOOPBACK, 2, PATIENT);
    let asked = Instant::now();
    let timeline = watching.stop();
    assert!(asked.elapsed() < Duration::from_secs(5));
    assert_eq!(timeline.looks["n"].len(), 2);
    assert_eq!(last(&timeline, "n.tcp.ESTABLISHED"), 4);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_probes_that_never_began_end_without_a_look() {
    let netns = namespace();
    let kept = Kept::default();
    let (recorder, closed) = Recorder::start(kept.clone()).unwrap();
    let node = node("n", &netns);
    let spec = spec(Duration::from_secs(1), &[]);
    let probes = Probes::watching((&spec, &NamedSeries::of(&spec)), &[&node], &recorder);
    probes.unwrap().stop().unwrap();
    drop(recorder);
    closed.wait().unwrap();
    assert!(kept.timeline().looks.is_empty());
}
