//! Runs in which what the scenario does to packets did not come to pass.

use std::time::Duration;

use super::super::judge;
use super::build::*;
use crate::record::{Environment, Event, Outcome, RunVerdict, Timeline};
use crate::scenario::Place;
use crate::scenario::expr::{CompareOp, Window};
use crate::scenario::fault::{FaultAction, FaultSpec, SegmentMatch};
use crate::scenario::topology::{Impairment, LinkSpec};
use crate::scenario::workload::Accept;
use crate::units::{Rate, Unit};

/// Judges `a == value` of a run with one link, which has a fault.
fn judged(value: f64, watched: &[&str], impairment: Impairment, timeline: &Timeline) -> RunVerdict {
    let claim = compared(metric("a"), CompareOp::Equal, number(value, Unit::Count));
    let mut spec = spec(vec![expectation(claim, Window::End)]);
    spec.watched = watched.iter().map(|name| (*name).into()).collect();
    spec.topology.links.push(LinkSpec {
        between: ["client".into(), "server".into()],
        interfaces: ["eth0".into(), "eth0".into()],
        mtu: None,
        impairment,
        tso: false,
        by: Default::default(),
        faults: vec![FaultSpec {
            name: "stale".into(),
            action: FaultAction::Drop(SegmentMatch::default()),
            place: Place { line: 7, column: 3 },
        }],
        changes: false,
        place: Place::default(),
    });
    judge(&spec, timeline)
}

fn run(matched: i64) -> TimelineBuilder {
    TimelineBuilder::new()
        .counter("a", &[(100, 1)])
        .counter("stale.matched", &[(0, 0), (200, matched)])
}

#[test]
fn unmatched_faults_make_a_run_inconclusive() {
    let plain = Impairment::default;
    for value in [1.0, 2.0] {
        let verdict = judged(value, &[], plain(), &run(0).finished_at(1000));
        assert_eq!(verdict.outcome, Outcome::Inconclusive);
        assert!(
            verdict
                .reason
                .unwrap_or_default()
                .contains("`stale` (line 7)")
        );
    }
    let met = run(1).finished_at(1000);
    assert_eq!(judged(1.0, &[], plain(), &met).outcome, Outcome::Passed);
    assert_eq!(judged(2.0, &[], plain(), &met).outcome, Outcome::Failed);
}

#[test]
fn expectations_that_name_a_fault_decide_how_often_it_should_match() {
    let verdict = judged(
        1.0,
        &["a", "stale.matched"],
        Impairment::default(),
        &run(0).finished_at(1000),
    );
    assert_eq!(verdict.outcome, Outcome::Passed);
}

#[test]
fn links_faster_than_the_wire_make_a_run_inconclusive() {
    let at = |carried| {
        let mut timeline = run(1).finished_at(1000);
        timeline.add(Event::Built(crate::record::Built {
            wire: Some(crate::record::WirePrecision {
                delay_p50: 20_000,
                delay_max: 90_000,
                rate: carried,
            }),
            ..Default::default()
        }));
        let impairment = Impairment {
            rate: Rate::per_second(1e9),
            ..Impairment::default()
        };
        judged(1.0, &[], impairment, &timeline).outcome
    };
    assert_eq!(at(2_000_000_000), Outcome::Passed);
    assert_eq!(at(900_000_000), Outcome::Inconclusive);
}

#[test]
fn failures_behind_a_late_wire_are_inconclusive_and_passes_stand() {
    let judged = |value, late: i64| {
        let wire = "wire.client-server.late";
        let run = run(1).gauge_of(wire, crate::units::Unit::Seconds, &[(500, late)]);
        let impairment = Impairment {
            delay: Some(Duration::from_millis(50)),
            ..Impairment::default()
        };
        judged(value, &[], impairment, &run.finished_at(1000)).outcome
    };
    assert_eq!(judged(2.0, 2_000_000), Outcome::Failed);
    assert_eq!(judged(2.0, 60_000_000), Outcome::Inconclusive);
    assert_eq!(judged(1.0, 60_000_000), Outcome::Passed);
}

/// Judges the expectation that `a` has a value, in a run with a server and this limit of descriptors.
fn judged_with_descriptors(
    limit: u64,
    (value, nofile, watched): (f64, Option<u64>, &str),
    timeline: TimelineBuilder,
) -> Outcome {
    let claim = compared(metric("a"), CompareOp::Equal, number(value, Unit::Count));
    let mut spec = spec(vec![expectation(claim, Window::End)]);
    spec.watched = vec![watched.into()];
    spec.topology = crate::fixtures::topology(&["server"], &[]);
    spec.topology.nodes["server"].nofile = nofile;
    spec.workload.servers = vec![crate::fixtures::server("web", "server", Accept::Epoll)];
    let mut timeline = timeline.finished_at(1000);
    timeline.add(Event::Environment(Box::new(Environment {
        descriptors: Some(limit),
        ..Environment::default()
    })));
    judge(&spec, &timeline).outcome
}

#[test]
fn a_server_without_descriptors_makes_a_failure_inconclusive() {
    let crowded = || {
        let timeline = TimelineBuilder::new().counter("a", &[(100, 1)]);
        timeline.gauge("server.tcp.ESTABLISHED", &[(0, 0), (500, 10_000), (900, 0)])
    };
    assert_eq!(
        judged_with_descriptors(64, (2.0, None, "a"), crowded()),
        Outcome::Inconclusive
    );
    assert_eq!(
        judged_with_descriptors(1_024, (2.0, None, "a"), crowded()),
        Outcome::Failed
    );
    assert_eq!(
        judged_with_descriptors(64, (2.0, Some(64), "a"), crowded()),
        Outcome::Failed
    );
}

#[test]
fn running_out_of_descriptors_is_inconclusive_even_if_the_expectations_are_met() {
    let failed = |series: &str| {
        let timeline = TimelineBuilder::new().counter("a", &[(100, 1)]);
        timeline.counter(series, &[(0, 0), (500, 3)])
    };
    let judged = |value, nofile, watched, series| {
        judged_with_descriptors(64, (value, nofile, watched), failed(series))
    };
    for series in ["web.errors.EMFILE", "web.errors.ENFILE"] {
        for (value, as_it_is) in [(1.0, Outcome::Passed), (2.0, Outcome::Failed)] {
            assert_eq!(judged(value, None, "a", series), Outcome::Inconclusive);
            // Another error is not this one.
            assert_eq!(
                judged(value, None, "web.errors.ECONNRESET", series),
                Outcome::Inconclusive
            );
            assert_eq!(judged(value, None, series, series), as_it_is);
            assert_eq!(judged(value, Some(64), "a", series), as_it_is);
        }
    }
    // A lack of memory may be what the scenario is about, so it only explains failures.
    let series = "web.errors.ENOBUFS";
    assert_eq!(judged(1.0, None, "a", series), Outcome::Passed);
    assert_eq!(judged(2.0, None, "a", series), Outcome::Inconclusive);
    assert_eq!(judged(2.0, None, series, series), Outcome::Failed);
}
