//! The view of a run at any moment, used in a browser by keyboard alone.

use std::path::Path;
use std::time::Duration;

use nslab::record::{Capture, Event, KernelEvent, KernelFact, Offset};
use nslab::report::html::{self, Ladders, Views, render_view};
use nslab::scenario::Moment;
use nslab::suite::SuiteResult;
use std::sync::Arc;

use crate::html_page::browser::look_at_view;
use crate::html_page::{escaping, ladders};

pub(super) fn open(path: &Path) -> Result<Capture, String> {
    Capture::read(path).map_err(|error| error.to_string())
}

fn page(result: &SuiteResult) -> String {
    render_view(result, &Views::of_all(result, open))
}

/// Returns the run with a capture, with a bookmark and the windows of a connection.
fn with_a_moment() -> SuiteResult {
    let mut result = ladders::captured();
    let mut scenario = (*result.scenarios[0]).clone();
    scenario.runs[0].spec.moments = vec![Moment {
        at: Duration::from_millis(460),
        note: "the queue is full <now>".to_owned(),
        connection: Some("burst:10".to_owned()),
    }];
    for (millis, cwnd) in [(460, 10), (480, 7)] {
        let event = KernelEvent {
            t: Offset(millis * 1_000_000),
            node: "client".into(),
            local: Some(([10, 0, 0, 1], 40_772).into()),
            peer: Some(([10, 0, 0, 2], 80).into()),
            what: KernelFact::Window {
                cwnd,
                ssthresh: (cwnd == 7).then_some(7),
                srtt: 21_000_000,
                snd_wnd: 65_160,
                rcv_wnd: 64_256,
            },
        };
        scenario.runs[0].timeline.add(Event::Traced(event));
    }
    result.scenarios = vec![Arc::new(scenario)];
    result
}

#[test]
fn a_view_is_used_by_keyboard_alone() {
    let Some(seen) = look_at_view("view", &page(&with_a_moment())) else {
        return;
    };
    let text = |path: &str| seen.pointer(path).unwrap().as_str().unwrap().to_owned();
    let has = |path: &str, part: &str| {
        let text = text(path);
        assert!(text.contains(part), "{path}: {text}");
    };
    assert_eq!(seen["panes"], 1);
    has("/opened/clock", "0.460000 s");
    has("/opened/heading", "Connection burst:10: never answered");
    has("/moments/0", "the queue is full <now>");
    has("/about/0", "All states are inferred from the packets");
    has("/packet/said", "burst:1: SYN seq 0, client to server");
    has("/second/said", "burst:1: SYN-ACK");
    assert_eq!(text("/back/clock"), text("/packet/clock"));
    has("/state/said", "(inferred)");
    has(
        "/drop/said",
        "burst:10: SYN seq 0, client to server; lost in server: accept queue full",
    );
    assert_eq!(seen["why"]["shown"], true);
    has("/why/text", "accept(2)");
    has("/why/text", "net.core.somaxconn = ");
    has("/why/text", "nslab learn handshake");
    has("/why/text", "server.TcpExtListenOverflows");
    has("/sockets/0", "Clients: client");
    has("/sockets/1", "Servers: server");
    assert!(
        seen["rows"].to_string().contains("inferred"),
        "{}",
        seen["rows"]
    );
    has("/counter/said", "changed: ");
    assert!(!seen["counters"].as_array().unwrap().is_empty());
    has("/expectation/said", "passed: ");
    has("/again/said", "lost in server");
    let lines = seen["line"].as_array().unwrap();
    assert!(
        !lines.is_empty() && lines.iter().all(|x| x.as_f64() > Some(0.0)),
        "{lines:?}"
    );
    has("/none/said", "There is no later drop");
    assert!(
        seen["groups"].to_string().contains("9 alike"),
        "{}",
        seen["groups"]
    );
    assert_ne!(text("/played/clock"), "0.000000 s", "it played");
    has("/address", "#t=");
    has("/named/clock", "0.500000 s");
    has("/named/heading", "burst:10");
    // The slow start threshold and both values of the congestion window, at 0.5 s.
    has("/windows/0", "client 7 segments");
    has("/windows/1", "client 21 ms");
    has("/windows/2", "client 63.63 KiB");
    assert_eq!(seen["curves"], 3);
    has("/unknown/said", "There is no connection burst:500 here");
    assert_eq!(seen["nameless"], 0, "every control has a name");
    assert_eq!(seen["wide"], 0, "the page does not scroll sideways");
}

#[test]
fn two_runs_share_one_cursor() {
    let mut result = ladders::captured();
    result.scenarios.push(Arc::clone(&result.scenarios[0]));
    let Some(seen) = look_at_view("view-of-two", &page(&result)) else {
        return;
    };
    assert_eq!(seen["panes"], 2);
    assert_eq!(seen["sockets"].as_array().unwrap().len(), 4);
    assert_eq!(seen["wide"], 0);
}

#[test]
fn a_view_of_a_hostile_record_runs_nothing_of_it() {
    let evil = escaping::evil();
    let page = page(&evil);
    // The page's own two, and the data of each run.
    let runs: usize = evil
        .scenarios
        .iter()
        .map(|scenario| scenario.runs.len())
        .sum();
    assert_eq!(page.matches("<script").count(), 2 + runs);
    assert_eq!(page.matches("</script").count(), 2 + runs);
    assert!(!page.contains("<img"));
    // Its script finds a page without a complaint, and no element of the record.
    look_at_view("view-of-hostile", &page);
}

#[test]
fn a_report_has_views_only_of_runs_with_a_capture_or_trace() {
    let result = ladders::captured();
    let with = html::render(
        &result,
        &Ladders::default(),
        &Views::of_traced(&result, open),
    );
    assert_eq!(with.matches("Look at any moment").count(), 1);
    let mut bare = (*result.scenarios[0]).clone();
    bare.runs[0].capture = Ok(None);
    bare.runs[0].timeline.traced.clear();
    let bare = SuiteResult {
        scenarios: vec![Arc::new(bare)],
        ..result
    };
    let without = html::render(&bare, &Ladders::default(), &Views::of_traced(&bare, open));
    assert!(!without.contains("Look at any moment"));
    assert_eq!(
        without.matches("<script>").count(),
        1,
        "no script for views"
    );
}
