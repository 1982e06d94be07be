//! Pictures of runs on terminals of several sizes.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::picture::{self, WatchedRun};
use crate::fixtures::TimelineBuilder;
use crate::record::{Built, DropBound, Event, KernelEvent, KernelFact, Offset, Timeline};
use crate::scenario::RunSpec;
use crate::scenario::parse;
use crate::tcp::TcpState;

const SCENARIO: &str = "
name: queue
nodes: { client: {}, router: {}, server: {} }
links: [ { between: [client, router] }, { between: [router, server] } ]
servers: { web: { node: server, port: 80, backlog: 4 } }
clients: { load: { node: client, to: web, connect: { rate: 10/s, count: 100 } } }
expect: [ load.established == 100, web.accept_queue <= 4 always ]
";

fn spec() -> RunSpec {
    let scenario = parse("queue.yaml", SCENARIO, &Default::default()).unwrap();
    scenario.runs.into_iter().next().unwrap()
}

fn timeline() -> Timeline {
    let mut built = TimelineBuilder::new()
        .gauge("client.tcp.ESTABLISHED", &[(0, 0), (900, 7)])
        .gauge("client.tcp.TIME_WAIT", &[(0, 0)])
        .gauge("server.tcp.SYN_RECV", &[(0, 3)])
        .gauge("web.accept_queue", &[(0, 2)])
        .gauge("web.accept_queue.limit", &[(0, 4)])
        .counter("load.established", &[(0, 0), (500, 5), (900, 7)])
        .counter("server.TcpExtListenDrops", &[(0, 0), (800, 3)])
        .timeline;
    built.add(Event::Built(Built::default()));
    built
}

fn picture_of(timeline: &Timeline, [width, height]: [u16; 2]) -> String {
    let spec = spec();
    let run = WatchedRun {
        spec: &spec,
        timeline,
        ended: 1,
        runs: 3,
        beside: 1,
        pace: None,
    };
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| picture::draw(frame, &run)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn a_picture_shows_nodes_levels_curves_and_counters() {
    let picture = picture_of(&timeline(), [80, 24]);
    for part in [
        "(1 of 3 runs ended)",
        "client (router)  ESTABLISHED 7",
        "router (client, server)",
        "SYN_RECV 3",
        "██████████░░░░░░░░░░ web.accept_queue 2 of 4",
        "load.established 7  load.established == 100",
        "server.TcpExtListenDrops +3 (3)",
        "q: leave this view",
        "Tab: next run",
    ] {
        assert!(picture.contains(part), "no {part:?} in\n{picture}");
    }
    assert!(!picture.contains("TIME_WAIT"), "{picture}");
}

#[test]
fn a_traced_run_shows_events_of_the_kernel_latest_first() {
    let mut timeline = timeline();
    for (time, what) in [
        (
            1,
            KernelFact::State {
                from: TcpState::SynSent,
                to: TcpState::Established,
            },
        ),
        (
            2,
            KernelFact::Drop {
                reason: "TCP_LISTEN_OVERFLOW".to_owned(),
                flags: Some("SYN".to_owned()),
                seq: Some(1),
                bound: Some(DropBound {
                    name: "accept queue".to_owned(),
                    value: Some(6),
                    limit: Some(5),
                    inferred: false,
                }),
            },
        ),
    ] {
        timeline.add(Event::Traced(KernelEvent {
            t: Offset::from_duration(Duration::from_secs(time)),
            node: "server".into(),
            local: Some(([10, 0, 0, 2], 80).into()),
            peer: Some(([10, 0, 0, 1], 40_000).into()),
            what,
        }));
    }
    let picture = picture_of(&timeline, [80, 24]);
    // The line is wrapped.
    let text = "server dropped SYN 10.0.0.1:40000: TCP_LISTEN_OVERFLOW: accept queue 6 of";
    let drop = picture.find(text);
    let state = picture.find("10.0.0.2:80 – 10.0.0.1:40000 SYN_SENT → ESTABLISHED");
    assert!(drop.is_some() && drop < state, "{picture}");
    assert!(!picture.contains("ListenDrops"), "{picture}");
}

#[test]
fn every_size_of_terminal_has_a_picture() {
    let timeline = timeline();
    for width in [1, 10, 40, 80, 200] {
        for height in [1, 2, 3, 5, 8, 12, 24, 60] {
            let picture = picture_of(&timeline, [width, height]);
            let lines = picture.lines().count();
            assert_eq!(lines, usize::from(height), "{width} x {height}");
        }
    }
    // What does not fit is counted.
    assert!(picture_of(&timeline, [80, 8]).contains("more"));
}

#[test]
fn a_run_without_events_has_a_picture() {
    let picture = picture_of(&Timeline::default(), [80, 24]);
    assert!(picture.contains("building"), "{picture}");
}
