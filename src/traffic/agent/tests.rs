//! Traffic in a process of its own, with real namespaces.

use std::time::Duration;

use super::*;
use crate::scenario::workload::{Accept, ClientClose, Load, Workload};
use crate::sys::loopback;
use crate::traffic::tests::{
    ESTABLISHED, TestRecorder, TestRun, client, connect, last, server, spec, workload,
};

/// The test that acts as the agent when this test program is started as one.
pub(super) const ENTRY: &str = "traffic::agent::tests::the_agent_itself";

#[test]
#[ignore = "it is started by the code under test"]
fn the_agent_itself() {
    // Started by hand it gets no order and does nothing.
    let _no_order = run(io::stdin().lock(), io::stdout());
}

/// A run whose built-in actors may have this many descriptors each.
fn bounded(nofile: u64, workload: Workload) -> TestRun {
    TestRun::begin_bounded(loopback::namespace(), Some(nofile), workload)
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_client_out_of_descriptors_fails_with_emfile() {
    let load = client(connect(100, 2_000.0, ClientClose::Hold));
    let run = bounded(64, workload(vec![server(Accept::Never)], vec![load]));
    run.wait();
    let held = run.sockets(ESTABLISHED, None) / 2;
    let timeline = run.finish();
    let established = last(&timeline, "load.established");
    assert_eq!(established, i64::try_from(held).unwrap());
    // 64, less 0 to 2, the stop flag, epoll and the timer.
    assert_eq!(established, 58);
    assert_eq!(last(&timeline, "load.errors.EMFILE"), 42);
    assert_eq!(timeline.loads[0].started, 100);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_server_out_of_descriptors_counts_emfile_and_its_queue_fills() {
    let mut web = server(Accept::Epoll);
    web.backlog = 9;
    let mut load = client(connect(100, 2_000.0, ClientClose::Hold));
    load.node = "unbounded".into();
    let run = bounded(32, workload(vec![web], vec![load]));
    run.wait();
    let held_until = run.clock.now();
    let timeline = run.finish();
    let accepted = timeline.series("web.accepted").unwrap().at(held_until);
    // Less 0 to 2, the stop flag, the listener, epoll and the timer.
    assert_eq!(accepted, Some(32 - 7));
    // The queue holds one more than its backlog.
    assert_eq!(last(&timeline, "load.established"), 25 + 10);
    assert!(last(&timeline, "web.errors.EMFILE") >= 1);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_bounded_actor_counts_like_an_unbounded_one() {
    let load = client(Load::Loop {
        concurrency: 4,
        requests: 500,
        keep_alive: false,
        think: Duration::ZERO,
        timeout: Duration::from_secs(5),
    });
    let run = bounded(100, workload(vec![server(Accept::Epoll)], vec![load]));
    run.wait();
    let timeline = run.finish();
    assert_eq!(last(&timeline, "load.completed"), 500);
    assert_eq!(last(&timeline, "web.replies"), 500);
    assert_eq!(timeline.loads.len(), 1);
    let latency = &timeline.series("load.latency").unwrap().histograms;
    assert_eq!(
        latency
            .iter()
            .flat_map(|(_, v)| v)
            .map(|(_, count)| count)
            .sum::<u64>(),
        500
    );
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_bounded_server_that_cannot_listen_reports_the_error() {
    let netns = loopback::namespace();
    let mut second = server(Accept::Never);
    second.name = "second".into();
    let lab = Lab::of(vec![LiveNode {
        name: "here".into(),
        netns,
        nofile: Some(100),
    }]);
    let listener = TestRecorder::start();
    let spec = spec(workload(vec![server(Accept::Epoll), second], Vec::new()));
    let error = Traffic::prepare(&spec, &lab, &listener.recorder()).unwrap_err();
    assert_eq!(error.to_string(), "make `second` ready on node `here`");
    let source = std::error::Error::source(&error).unwrap();
    assert!(
        source.to_string().contains("Address already in use"),
        "{source}"
    );
}

#[test]
fn an_agent_without_an_order_reports_an_error() {
    let error = run(&b""[..], io::sink()).unwrap_err();
    assert_eq!(error.to_string(), "parse an order");
}
