//! Runs whose steps were not taken on time.

use super::build::*;
use crate::record::{Outcome, RunVerdict};
use crate::scenario::expr::{CompareOp, Window};
use crate::units::Unit;

/// Judges `a == value` of a run in which `a` is 1 and each of these steps was due, began and took so many milliseconds.
fn judged(value: f64, steps: &[(u64, u64, u64)]) -> RunVerdict {
    let claim = compared(metric("a"), CompareOp::Equal, number(value, Unit::Count));
    let run = TimelineBuilder::new().counter("a", &[(100, 1)]);
    let run = steps
        .iter()
        .fold(run, |run, (due, t, took)| run.step(*due, *t, *took));
    judge_run(
        vec![expectation(claim, Window::End)],
        &run.finished_at(9000),
    )
}

#[test]
fn a_step_that_begins_late_makes_a_run_inconclusive() {
    for value in [1.0, 2.0] {
        let verdict = judged(value, &[(1000, 1001, 1), (2000, 2800, 1)]);
        assert_eq!(verdict.outcome, Outcome::Inconclusive);
        assert_eq!(
            verdict.reason.as_deref(),
            Some("the machine was too busy: the step at 2s (line 7) began 800ms late")
        );
    }
    assert_eq!(judged(1.0, &[(2000, 2040, 1)]).outcome, Outcome::Passed);
    assert_eq!(judged(2.0, &[(2000, 2040, 1)]).outcome, Outcome::Failed);
}

#[test]
fn a_step_that_takes_long_makes_only_a_failure_inconclusive() {
    let slow = [(2000, 2001, 300)];
    assert_eq!(judged(1.0, &slow).outcome, Outcome::Passed);
    let verdict = judged(2.0, &slow);
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert_eq!(
        verdict.reason.as_deref(),
        Some("the step at 2s (line 7) was complete 301ms late")
    );
}

#[test]
fn a_step_that_waits_for_the_one_before_it_did_not_begin_late() {
    let steps = [(2000, 2001, 300), (2000, 2301, 1)];
    assert_eq!(judged(1.0, &steps).outcome, Outcome::Passed);
}
