//! Failures that no other load could have avoided, in runs whose load fell short.

use std::time::Duration;

use super::build::*;
use crate::fixtures;
use crate::record::{LoadReport, Outcome, RunVerdict, Timeline};
use crate::scenario::RunSpec;
use crate::scenario::expr::{Claim, CompareOp::*, Window};
use crate::scenario::topology::{NodeSpec, Topology};
use crate::scenario::workload::{ClientClose, StepAction, StepSpec};

const NODE: &str = "client";

/// A client `load` of 500 connections per second for 10 s.
fn spec() -> RunSpec {
    let load = fixtures::paced(5000, 500.0, ClientClose::Client);
    let mut spec = fixtures::run_spec("certain");
    spec.workload.clients = vec![fixtures::client(
        "load",
        NODE,
        ([10, 0, 0, 2], 80).into(),
        load,
    )];
    spec.topology = Topology {
        nodes: [(NODE.into(), NodeSpec::default())].into_iter().collect(),
        ..Topology::default()
    };
    spec
}

fn short() -> LoadReport {
    LoadReport {
        achieved_rate: 250.0,
        late_p99: 9_000_000_000,
        ..load_report()
    }
}

/// Timeline of a run whose load fell short, with errors: milliseconds and count.
fn timeline(error: &str, changes: &[(u64, i64)]) -> Timeline {
    TimelineBuilder::new()
        .counter(&format!("load.errors.{error}"), changes)
        .counter("load.failed", changes)
        .load(short())
        .finished_at(90_000)
}

fn judged(mut spec: RunSpec, claim: Claim, window: Window, timeline: &Timeline) -> RunVerdict {
    spec.expect = vec![expectation(claim, window)];
    crate::expect::judge(&spec, timeline)
}

fn none_failed() -> Claim {
    compared(metric("load.failed"), Equal, count(0.0))
}

#[test]
fn refused_connections_fail_a_run_at_any_load_and_the_rule_is_shown() {
    let refused = timeline("ECONNREFUSED", &[(300, 12)]);
    let verdict = judged(spec(), none_failed(), Window::End, &refused);
    assert_eq!(verdict.outcome, Outcome::Failed);
    let rule = "decided although the load fell short: 12 of `load.failed` were ECONNREFUSED, which no load causes: \
                nothing in this scenario changes with time";
    let both = format!("`as written` is {rule}; this machine could not generate");
    let reason = verdict.reason.unwrap();
    assert!(reason.starts_with(&both), "{reason}");
    assert!(
        why(&verdict.verdicts[0]).ends_with(rule),
        "{}",
        why(&verdict.verdicts[0])
    );
    let always = judged(spec(), none_failed(), Window::Always, &refused);
    assert_eq!(always.outcome, Outcome::Failed);
    let upper = |op, most| compared(metric("load.failed"), op, count(most));
    for (claim, outcome) in [
        (upper(LessOrEqual, 11.0), Outcome::Failed),
        (upper(Less, 12.0), Outcome::Inconclusive),
        (upper(GreaterOrEqual, 13.0), Outcome::Inconclusive),
        (upper(Equal, 13.0), Outcome::Inconclusive),
        (
            compared(metric("load.errors.ECONNREFUSED"), Equal, count(0.0)),
            Outcome::Failed,
        ),
        (
            compared(metric("load.errors.ECONNREFUSED"), LessOrEqual, count(5.0)),
            Outcome::Inconclusive,
        ),
    ] {
        let verdict = judged(spec(), claim.clone(), Window::End, &refused);
        assert_eq!(verdict.outcome, outcome, "{claim:?}");
    }
}

#[test]
fn what_a_slow_machine_may_cause_stays_inconclusive() {
    for error in ["ETIMEDOUT", "ECONNRESET", "EMFILE", "EPIPE"] {
        let timeline = timeline(error, &[(300, 12)]);
        let verdict = judged(spec(), none_failed(), Window::End, &timeline);
        assert_eq!(verdict.outcome, Outcome::Inconclusive, "{error}");
        assert!(!why(&verdict.verdicts[0]).contains("decided although"));
    }
}

#[test]
fn a_lack_of_ports_decides_only_before_any_can_be_free_again() {
    let outcome = |spec: RunSpec, changes: &[(u64, i64)]| {
        judged(
            spec,
            none_failed(),
            Window::End,
            &timeline("EADDRNOTAVAIL", changes),
        )
        .outcome
    };
    assert_eq!(outcome(spec(), &[(59_000, 3)]), Outcome::Failed);
    // A late start would have been in another minute.
    assert_eq!(outcome(spec(), &[(61_000, 3)]), Outcome::Inconclusive);
    let mut later = spec();
    later.workload.clients[0].start = Duration::from_secs(5);
    assert_eq!(outcome(later, &[(64_000, 3)]), Outcome::Failed);

    let now = [(1000, 3)];
    let mut reset = spec();
    reset.workload.clients[0].load = fixtures::paced(5000, 500.0, ClientClose::Reset);
    let mut reuse = spec();
    let node = reuse.topology.nodes.get_mut(NODE).unwrap();
    node.sysctls = vec![fixtures::sysctl("net.ipv4.tcp_tw_reuse", "1")];
    let mut narrow = spec();
    let node = narrow.topology.nodes.get_mut(NODE).unwrap();
    node.sysctls = vec![fixtures::sysctl(
        "net.ipv4.ip_local_port_range",
        "20000 20999",
    )];
    assert_eq!(outcome(reset, &now), Outcome::Inconclusive);
    assert_eq!(outcome(reuse, &now), Outcome::Inconclusive);
    assert_eq!(outcome(narrow, &now), Outcome::Failed);
}

#[test]
fn a_scenario_that_changes_with_time_decides_nothing() {
    let mut steps = spec();
    steps.workload.steps = vec![StepSpec {
        at: Duration::from_secs(5),
        action: StepAction::Start {
            actor: "web".into(),
        },
        place: Default::default(),
    }];
    let refused = timeline("ECONNREFUSED", &[(300, 12)]);
    let verdict = judged(steps, none_failed(), Window::End, &refused);
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
}

#[test]
fn a_thread_at_its_limit_is_named_whatever_else_the_machine_did() {
    // 10 s of processor time for a load that should take 10 s.
    let busy = |cpu| LoadReport { cpu, ..short() };
    let verdict = |cpu| {
        let timeline = TimelineBuilder::new()
            .counter("load.failed", &[])
            .load(busy(cpu))
            .finished_at(90_000);
        judged(spec(), none_failed(), Window::End, &timeline)
            .reason
            .unwrap()
    };
    let named = verdict(10_000_000_000);
    let expected = "the thread of client `load` needs 2ms of processor time for each attempt, \
                    and one is due every 2ms: so no more attempts fit into the time";
    assert!(named.contains(expected), "{named}");
    assert!(named.contains("nslab scale FILE"), "{named}");
    assert!(!verdict(1_000_000_000).contains("thread of client"));
}
