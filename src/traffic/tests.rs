//! Fixtures for the tests of this module and those below: a lab of one node with a loopback device, and a recorder.

use crate::fixtures;
pub(crate) use crate::fixtures::paced as connect;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Traffic;
use crate::lab::{Lab, LiveNode};
use crate::record::{Offset, Recorder, RecorderClosed, RunClock, Timeline};
use crate::scenario::Place;
use crate::scenario::RunSpec;
use crate::scenario::topology::{IpVersion, Topology};
use crate::scenario::workload::{
    Accept, ClientClose, ClientSpec, CommandSpec, Load, ServerSpec, Workload,
};
use crate::sys::{NetNs, loopback};
use crate::units::ByteCount;

/// A recorder, and what it recorded.
pub(crate) struct TestRecorder {
    output: Shared,
    recorder: Recorder,
    closed: RecorderClosed,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TestRecorder {
    pub(crate) fn start() -> Self {
        let output = Shared::default();
        let (recorder, closed) = Recorder::start(output.clone()).unwrap();
        Self {
            output,
            recorder,
            closed,
        }
    }

    pub(crate) fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    pub(crate) fn timeline(self) -> Timeline {
        drop(self.recorder);
        self.closed.wait().unwrap();
        let mut timeline = Timeline::default();
        for line in self.output.0.lock().unwrap().split(|byte| *byte == b'\n') {
            if !line.is_empty() {
                timeline.add(serde_json::from_slice(line).unwrap());
            }
        }
        timeline
    }
}

/// A run on one node named `here`.
pub(crate) struct TestRun {
    pub(crate) netns: NetNs,
    pub(crate) traffic: Traffic,
    pub(crate) clock: RunClock,
    listener: TestRecorder,
    _lab: Lab,
}

impl TestRun {
    /// Prepares and begins a run in a new namespace.
    pub(crate) fn begin(workload: Workload) -> Self {
        Self::begin_in(loopback::namespace(), workload)
    }

    pub(crate) fn begin_in(netns: NetNs, workload: Workload) -> Self {
        Self::begin_bounded(netns, None, workload)
    }

    /// Begins a run with a limit for the actors on `here`. The node `unbounded` is the same namespace without the
    /// limit.
    pub(crate) fn begin_bounded(netns: NetNs, nofile: Option<u64>, workload: Workload) -> Self {
        let node = |name: &str, nofile| LiveNode {
            name: name.into(),
            netns: netns.clone(),
            nofile,
        };
        let lab = Lab::of(vec![node("here", nofile), node("unbounded", None)]);
        let listener = TestRecorder::start();
        let mut traffic = Traffic::prepare(&spec(workload), &lab, &listener.recorder).unwrap();
        let clock = RunClock::starting_in(Duration::from_millis(2));
        traffic.begin(clock);
        Self {
            netns,
            traffic,
            clock,
            listener,
            _lab: lab,
        }
    }

    /// Waits until all actors have ended, for a minute at most.
    pub(crate) fn wait(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let ended =
            async { tokio::time::timeout(Duration::from_secs(60), self.traffic.ended()).await };
        runtime.block_on(ended).expect("it ends within a minute");
    }

    /// Ends the run and returns what it recorded.
    pub(crate) fn finish(self) -> Timeline {
        self.traffic.finish().unwrap();
        self.listener.timeline()
    }

    /// Counts sockets in a state in `/proc/net/tcp` of the run's namespace (Linux `include/net/tcp_states.h`).
    pub(crate) fn sockets(&self, state: &str, local_port: Option<u16>) -> usize {
        let table = self
            .netns
            .run(|| std::fs::read_to_string("/proc/thread-self/net/tcp"));
        let table = table.unwrap().unwrap();
        let local = local_port.map(|port| format!(":{port:04X}"));
        let lines = table.lines().skip(1).filter(|line| {
            let columns: Vec<_> = line.split_whitespace().collect();
            columns[3] == state
                && local
                    .as_ref()
                    .is_none_or(|port| columns[1].ends_with(port.as_str()))
        });
        lines.count()
    }
}

pub(crate) const ESTABLISHED: &str = "01";
pub(crate) const TIME_WAIT: &str = "06";

/// Returns every counted error, for the message of an assertion.
pub(crate) fn errors(timeline: &Timeline) -> String {
    let errors = timeline
        .all_series()
        .filter(|series| series.declaration.name.as_str().contains(".errors."));
    let errors: Vec<_> = errors
        .map(|series| format!("{} {:?}", series.declaration.name, series.last()))
        .collect();
    errors.join(", ")
}

/// Returns the last value of a series; 0 if it was never declared.
pub(crate) fn last(timeline: &Timeline, name: &str) -> i64 {
    timeline
        .series(name)
        .and_then(crate::record::Series::last)
        .unwrap_or(0)
}

/// Runs over IPv6 if a client uses it.
pub(crate) fn spec(workload: Workload) -> RunSpec {
    let mut clients = workload.clients.iter();
    let ip = match clients.any(|client| client.target.is_ipv6()) {
        true => IpVersion::V6,
        false => IpVersion::V4,
    };
    RunSpec {
        topology: Topology {
            ip,
            ..Topology::default()
        },
        workload,
        ..fixtures::run_spec("test")
    }
}

pub(crate) fn server(accept: Accept) -> ServerSpec {
    ServerSpec {
        backlog: 1024,
        reply: ByteCount(1024),
        ..fixtures::server("web", "here", accept)
    }
}

pub(crate) fn client(load: Load) -> ClientSpec {
    fixtures::client("load", "here", ([127, 0, 0, 1], 80).into(), load)
}

pub(crate) fn command(name: &str, node: &str, run: &[&str]) -> CommandSpec {
    CommandSpec {
        name: name.into(),
        node: node.into(),
        run: run.iter().map(|part| (*part).to_owned()).collect(),
        timeout: Duration::from_secs(30),
        start: Duration::ZERO,
        env: Default::default(),
        ready: None,
        background: false,
        files: None,
        tap: false,
        privileges: Vec::new(),
        place: Place::default(),
    }
}

pub(crate) fn workload(servers: Vec<ServerSpec>, clients: Vec<ClientSpec>) -> Workload {
    Workload {
        servers,
        clients,
        ..Workload::default()
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_traffic_in_progress_stops_within_a_tenth_of_a_second() {
    let mut held = client(connect(1_000_000, 1_000.0, ClientClose::Hold));
    held.name = "held".into();
    let mut looped = client(Load::Loop {
        concurrency: 4,
        requests: u64::MAX / 2,
        keep_alive: false,
        think: Duration::ZERO,
        timeout: Duration::from_secs(1),
    });
    looped.name = "looped".into();
    let mut workload = workload(vec![server(Accept::Epoll)], vec![held, looped]);
    workload.commands = vec![command("sleep", "here", &["sleep", "1000"])];
    let run = TestRun::begin(workload);
    while run.clock.now() < Offset::from_duration(Duration::from_millis(100)) {
        std::thread::yield_now();
    }
    let before = std::time::Instant::now();
    let timeline = run.finish();
    assert!(
        before.elapsed() < Duration::from_millis(100),
        "{:?}",
        before.elapsed()
    );
    assert!(last(&timeline, "held.established") > 50);
    assert!(last(&timeline, "looped.completed") > 50);
    assert_eq!(last(&timeline, "sleep.exit"), 137);
}
