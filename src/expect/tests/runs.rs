//! The outcome of a run as a whole.

use crate::fixtures;
use std::time::Duration;

use super::build::*;
use crate::record::{LoadReport, Outcome, RunVerdict, Timeline};
use crate::scenario::Place;
use crate::scenario::expr::CompareOp::*;
use crate::scenario::expr::{Claim, SeriesFunction, Window};
use crate::scenario::workload::{ClientClose, ClientSpec, Load, StepAction, StepSpec, StopHow};

fn is(name: &str, value: f64) -> Claim {
    compared(metric(name), Equal, count(value))
}

/// Expectations of a run in which `a` is 1.
fn judged(claims: &[(&str, f64)], run: TimelineBuilder) -> RunVerdict {
    judged_at_the_end(claims, &run.counter("a", &[(100, 1)]).finished_at(1000))
}

fn judged_at_the_end(claims: &[(&str, f64)], timeline: &Timeline) -> RunVerdict {
    let expect = claims
        .iter()
        .map(|(name, value)| expectation(is(name, *value), Window::End))
        .collect();
    judge_run(expect, timeline)
}

fn reason(verdict: &RunVerdict) -> &str {
    verdict.reason.as_deref().unwrap_or_default()
}

#[test]
fn runs_pass_if_every_expectation_holds() {
    let verdict = judged(
        &[("a", 1.0), ("x.errors.EMFILE", 0.0)],
        TimelineBuilder::new(),
    );
    assert_eq!((verdict.outcome, verdict.reason), (Outcome::Passed, None));
    assert_eq!(verdict.verdicts.len(), 2);
}

#[test]
fn runs_without_expectations_pass_and_say_so() {
    let verdict = judged(&[], TimelineBuilder::new());
    assert_eq!(verdict.outcome, Outcome::Passed);
    assert_eq!(reason(&verdict), "the run has no expectations");
}

#[test]
fn one_failure_fails_the_run_even_beside_expectations_that_are_not_applicable() {
    let verdict = judged(
        &[("a", 1.0), ("a", 2.0), ("s.TcpExtNone", 0.0)],
        TimelineBuilder::new(),
    );
    assert_eq!((verdict.outcome, verdict.reason), (Outcome::Failed, None));
}

#[test]
fn not_applicable_outweighs_passed() {
    let verdict = judged(&[("a", 1.0), ("s.TcpExtNone", 0.0)], TimelineBuilder::new());
    assert_eq!(verdict.outcome, Outcome::NotApplicable);
    assert!(reason(&verdict).contains("no counter TcpExtNone"));
}

#[test]
fn runs_that_could_not_be_made_are_errored() {
    let claims = [("a", 2.0)];
    let verdict = judged_at_the_end(
        &claims,
        &TimelineBuilder::new().errored_at(0, "cannot create the lab"),
    );
    assert_eq!(verdict.outcome, Outcome::Errored);
    assert_eq!(reason(&verdict), "cannot create the lab");

    let dead = TimelineBuilder::new()
        .counter("a", &[(100, 1)])
        .died_at(1500);
    let verdict = judged_at_the_end(&claims, &dead);
    assert_eq!(verdict.outcome, Outcome::Errored);
    assert_eq!(
        reason(&verdict),
        "the worker died: its record breaks off at 1.500s"
    );
    assert_eq!(verdict.verdicts[0].outcome, Outcome::Inconclusive);
    assert_eq!(
        why(&verdict.verdicts[0]),
        "the run broke off at 1.500s, before its end"
    );
}

#[test]
fn a_run_that_was_not_applicable_has_no_other_verdicts() {
    let mut timeline = TimelineBuilder::new().died_at(0);
    timeline.add(crate::record::Event::NotApplicable {
        reason: "net.ipv4.tcp_tw_recycle was removed in Linux 4.12".to_owned(),
    });
    let verdict = judged_at_the_end(&[("a", 1.0)], &timeline);
    assert_eq!(verdict.outcome, Outcome::NotApplicable);
    assert!(reason(&verdict).contains("tcp_tw_recycle"));
    assert_eq!(verdict.verdicts[0].outcome, Outcome::NotApplicable);
}

#[test]
fn an_interrupted_run_is_inconclusive_unless_all_was_decided() {
    let run = || {
        TimelineBuilder::new()
            .counter("a", &[(100, 1)])
            .interrupted_at(1000)
    };
    let verdict = judged_at_the_end(&[("a", 1.0)], &run());
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(reason(&verdict).starts_with("the run was interrupted at 1.000s"));
    let decided = judge_run(vec![expectation(is("a", 1.0), within(500))], &run());
    assert_eq!(decided.outcome, Outcome::Passed);
    let nothing_expected = judge_run(Vec::new(), &run());
    assert_eq!(nothing_expected.outcome, Outcome::Inconclusive);
    let late = LoadReport {
        late_p99: 9_000_000_000,
        ..load_report()
    };
    let late = TimelineBuilder::new().load(late).interrupted_at(1000);
    let late = judged_at_the_end(&[("a", 1.0)], &late);
    assert!(reason(&late).starts_with("the run was interrupted at 1.000s; this machine could not"));
}

fn with_load(load: LoadReport) -> [Outcome; 2] {
    [1.0, 2.0]
        .map(|value| judged(&[("a", value)], TimelineBuilder::new().load(load.clone())).outcome)
}

#[test]
fn loads_as_requested_change_nothing() {
    assert_eq!(with_load(load_report()), [Outcome::Passed, Outcome::Failed]);
    let nearly = LoadReport {
        achieved_rate: 490.0,
        late_p99: 100_000_000,
        ..load_report()
    };
    assert_eq!(with_load(nearly), [Outcome::Passed, Outcome::Failed]);
}

#[test]
fn loads_that_fell_short_make_the_run_inconclusive() {
    let slow = LoadReport {
        achieved_rate: 489.9,
        ..load_report()
    };
    let late = LoadReport {
        late_p99: 100_000_001,
        ..load_report()
    };
    let fewer = LoadReport {
        started: 4999,
        ..load_report()
    };
    // In a short load, 1 % of the span would be no more than the noise of any machine.
    let short = LoadReport {
        span: 1_000_000_000,
        late_p99: 50_000_001,
        ..load_report()
    };
    let burst = |achieved_rate: f64| LoadReport {
        scheduled: 10,
        started: 10,
        offered_rate: 1000.0,
        achieved_rate,
        ..load_report()
    };
    for load in [slow, late, fewer, short, burst(900.0)] {
        assert_eq!(with_load(load), [Outcome::Inconclusive; 2]);
    }
    // 0.7 ms longer; above, 1.1 ms.
    assert_eq!(with_load(burst(936.0)), [Outcome::Passed, Outcome::Failed]);
}

#[test]
fn loads_that_fell_short_are_reported_with_their_figures() {
    let slow = LoadReport {
        achieved_rate: 430.12,
        started: 4301,
        late_p99: 1_400_000_000,
        ..load_report()
    };
    let verdict = judged(&[("a", 1.0)], TimelineBuilder::new().load(slow));
    assert_eq!(
        reason(&verdict),
        "this machine could not generate the requested load: `load` offered 500/s, achieved 430.1/s, \
         4301 of 5000 attempts started, starts late by 1.4s (p99)"
    );
}

#[test]
fn only_some_of_many_short_loads_are_named() {
    let slow = LoadReport {
        achieved_rate: 430.12,
        ..load_report()
    };
    let many = (0..7).fold(TimelineBuilder::new(), |timeline, _| {
        timeline.load(slow.clone())
    });
    let verdict = judged(&[("a", 1.0)], many);
    let reason = reason(&verdict);
    assert_eq!(reason.matches("`load` offered").count(), 5);
    assert!(reason.ends_with("; and 2 more clients"), "{reason}");
}

#[test]
fn a_closed_loop_offers_what_it_achieves() {
    let slow = LoadReport {
        open_loop: false,
        achieved_rate: 1.0,
        started: 3,
        ..load_report()
    };
    assert_eq!(with_load(slow), [Outcome::Passed, Outcome::Failed]);
}

fn client(load: Load) -> ClientSpec {
    fixtures::client("load", "client", ([10, 0, 0, 2], 80).into(), load)
}

fn paced() -> Load {
    fixtures::paced(5000, 500.0, ClientClose::Client)
}

#[test]
fn objects_of_the_kernel_are_not_counted_while_others_use_it() {
    let mut spec = spec(vec![expectation(is("kernel.slab.TCP", 1.0), Window::End)]);
    spec.watched = vec!["kernel.slab.TCP".into()];
    spec.workload.clients.push(ClientSpec {
        start: Duration::from_secs(1),
        ..client(paced())
    });
    let of_objects = |objects: &[(u64, i64)], sockets: &[(u64, i64)]| {
        let run = TimelineBuilder::new()
            .gauge("kernel.slab.TCP", objects)
            .gauge("kernel.sockets", sockets)
            .load(load_report());
        crate::expect::judge(&spec, &run.finished_at(2000))
    };
    let judged = |objects: i64, sockets: &[(u64, i64)]| of_objects(&[(0, objects)], sockets);
    // Its own sockets come with its load.
    let alone = judged(2, &[(0, 7), (500, 9), (1100, 5000)]);
    assert_eq!(alone.outcome, Outcome::Failed);
    let beside = judged(2, &[(0, 7), (600, 57), (900, 17), (1100, 5000)]);
    assert_eq!(beside.outcome, Outcome::Inconclusive);
    assert!(reason(&beside).contains(": 50 of their TCP sockets"));
    let many = judged(2, &[(0, 4000), (1100, 5000)]);
    assert!(reason(&many).contains(": 4000 of their TCP sockets"));
    // One after the other is never many sockets, and many objects.
    let after_each_other = of_objects(&[(0, 3000), (450, 10), (900, 260)], &[(0, 7)]);
    assert!(reason(&after_each_other).contains(": 250 of their TCP"));
    // Objects of earlier runs are freed at first.
    let cleared = of_objects(&[(0, 3000), (450, 10)], &[(0, 300), (450, 7)]);
    assert_eq!(cleared.outcome, Outcome::Failed);
    // An expectation that holds is not affected.
    let held = judged(1, &[(0, 4000), (1100, 5000)]);
    assert_eq!(held.outcome, Outcome::Passed);
}

#[test]
fn paced_clients_without_a_load_report_are_inconclusive() {
    let mut spec = spec(vec![expectation(is("a", 1.0), Window::End)]);
    spec.workload.clients.push(client(paced()));
    let run = || TimelineBuilder::new().counter("a", &[(100, 1)]);
    let verdict = crate::expect::judge(&spec, &run().finished_at(1000));
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(reason(&verdict).ends_with("client `load` sent no load report"));
    let reported = crate::expect::judge(&spec, &run().load(load_report()).finished_at(1000));
    assert_eq!(reported.outcome, Outcome::Passed);
}

#[test]
fn a_load_that_the_scenario_itself_stops_may_have_started_fewer() {
    let mut spec = spec(vec![expectation(is("a", 1.0), Window::End)]);
    spec.workload.clients.push(client(paced()));
    spec.workload.steps.push(StepSpec {
        at: Duration::from_secs(1),
        action: StepAction::Stop {
            actor: "load".into(),
            how: StopHow::Fin,
        },
        place: Place::default(),
    });
    let stopped = LoadReport {
        started: 500,
        achieved_rate: 300.0,
        ..load_report()
    };
    let run = TimelineBuilder::new()
        .counter("a", &[(100, 1)])
        .load(stopped);
    let verdict = crate::expect::judge(&spec, &run.finished_at(2000));
    assert_eq!(verdict.outcome, Outcome::Passed);
}

const SOCKETS: &str = "client.tcp.TIME_WAIT";

fn looking(times: &[u64]) -> Timeline {
    TimelineBuilder::new()
        .gauge(SOCKETS, &[(1000, 5)])
        .looked("client.sockets", times)
        .looked("client.counters", &[1000, 2000, 3000, 4000])
        .finished_at(5000)
}

#[test]
fn events_that_a_starved_probe_missed_do_not_fail_an_expectation() {
    let starved = looking(&[900, 1000, 1900, 3000, 3900, 4800]);
    let verdict = judge_one(is(SOCKETS, 9.0), within(4000), &starved);
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert_eq!(
        why(&verdict),
        "the probe `client.sockets` did not get to look between 1.900s and 3.000s; otherwise it would have failed: \
         5 == 9 does not hold at 4.000s; nor did it become true by the end of the run (5.000s)"
    );
    // Looks that did take place count.
    assert_eq!(
        judge_one(is(SOCKETS, 5.0), within(4000), &starved).outcome,
        Outcome::Passed
    );
    assert_eq!(
        judge_one(is(SOCKETS, 9.0), within(1800), &starved).outcome,
        Outcome::Failed
    );
    assert_eq!(
        judge_one(is(SOCKETS, 9.0), at(3500), &starved).outcome,
        Outcome::Failed
    );
    assert_eq!(
        judge_one(is(SOCKETS, 9.0), at(2500), &starved).outcome,
        Outcome::Inconclusive
    );
    assert_eq!(
        judge_one(is(SOCKETS, 9.0), Window::End, &starved).outcome,
        Outcome::Failed
    );
    let max = || compared(function(SeriesFunction::Max, SOCKETS), Equal, count(9.0));
    assert_eq!(
        judge_one(max(), Window::End, &starved).outcome,
        Outcome::Inconclusive
    );
    assert_eq!(
        judge_one(max(), during(3100, 4500), &starved).outcome,
        Outcome::Failed
    );
}

#[test]
fn probes_that_stopped_looking_before_the_end_were_starved() {
    let verdict = judge_one(
        is(SOCKETS, 9.0),
        Window::End,
        &looking(&[900, 1800, 2700, 3600]),
    );
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
}

#[test]
fn probes_that_read_everything_have_the_name_of_their_node() {
    let run = |times| {
        let run = TimelineBuilder::new().gauge(SOCKETS, &[(1000, 5)]);
        run.looked("client", times).finished_at(3000)
    };
    let judged = |times| judge_one(is(SOCKETS, 9.0), Window::Always, &run(times)).outcome;
    assert_eq!(judged(&[900, 1800, 2700]), Outcome::Failed);
    assert_eq!(judged(&[900, 2700]), Outcome::Inconclusive);
}

#[test]
fn probes_that_look_as_rarely_as_configured_are_not_starved() {
    let run = looking(&[1500, 3000, 4500]);
    let mut spec = spec(vec![expectation(is(SOCKETS, 9.0), Window::Always)]);
    spec.sample_every = Duration::from_millis(500);
    assert_eq!(crate::expect::judge(&spec, &run).outcome, Outcome::Failed);
}

#[test]
fn counts_of_actors_do_not_depend_on_probes() {
    let run = TimelineBuilder::new()
        .counter("load.established", &[(1000, 5)])
        .looked("client.sockets", &[100])
        .finished_at(5000);
    let claim = is("load.established", 9.0);
    assert_eq!(
        judge_one(claim, Window::Always, &run).outcome,
        Outcome::Failed
    );
}

#[test]
fn every_verdict_of_an_emulated_run_says_emulated() {
    let verdict = judged(
        &[("a", 1.0), ("a", 2.0), ("s.TcpExtNone", 0.0)],
        TimelineBuilder::new().emulating(),
    );
    assert!(verdict.verdicts.iter().all(|verdict| verdict.emulated));
    let verdict = judged(&[("a", 1.0)], TimelineBuilder::new());
    assert!(!verdict.verdicts[0].emulated);
}

#[test]
fn a_verdict_on_an_emulated_series_says_emulated() {
    let run = TimelineBuilder::new().emulated_gauge("server.TcpExtPAWSPassive", &[(100, 30)]);
    let verdict = judged(&[("a", 1.0), ("server.TcpExtPAWSPassive", 30.0)], run);
    let emulated: Vec<bool> = verdict
        .verdicts
        .iter()
        .map(|verdict| verdict.emulated)
        .collect();
    assert_eq!(emulated, [false, true]);
}

#[test]
fn series_that_a_truncated_run_had_no_time_to_record_are_inconclusive() {
    let early = TimelineBuilder::new().interrupted_at(50);
    let verdict = judge_one(is("load.established", 9.0), Window::End, &early);
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert_eq!(why(&verdict), "the run was interrupted at 0.050s");
}
