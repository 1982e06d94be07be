//! When a claim must hold, and when it was decided.

use super::build::*;
use crate::record::{Outcome, Timeline};
use crate::scenario::expr::CompareOp::*;
use crate::scenario::expr::{Claim, SeriesFunction, Window};

/// 0 until 1 s, 5 until 3 s, 2 until 4 s, 9 from then on; the run ends at 10 s.
fn steps() -> TimelineBuilder {
    TimelineBuilder::new().gauge("q", &[(1000, 5), (3000, 2), (4000, 9)])
}

fn q(op: crate::scenario::expr::CompareOp, value: f64) -> Claim {
    compared(metric("q"), op, count(value))
}

fn outcome(claim: Claim, window: Window, timeline: &Timeline) -> Outcome {
    judge_one(claim, window, timeline).outcome
}

#[test]
fn without_a_window_the_end_of_the_run_decides() {
    let run = steps().finished_at(10_000);
    let held = judge_one(q(Equal, 9.0), Window::End, &run);
    assert_eq!(held.outcome, Outcome::Passed);
    assert_eq!(held.decided_at, Some(ms(10_000)));
    assert_eq!((held.line, held.column), (7, 5));
    assert_eq!(held.reason, None);

    let failed = judge_one(q(Equal, 5.0), Window::End, &run);
    assert_eq!(failed.outcome, Outcome::Failed);
    assert_eq!(seen(&failed), [("q", "9")]);
    assert_eq!(
        why(&failed),
        "9 == 5 does not hold at the end of the run (10.000s)"
    );
}

#[test]
fn at_a_moment_the_value_is_that_of_the_last_change() {
    let run = steps().finished_at(10_000);
    assert_eq!(outcome(q(Equal, 5.0), at(2999), &run), Outcome::Passed);
    assert_eq!(outcome(q(Equal, 2.0), at(3000), &run), Outcome::Passed);
    assert_eq!(outcome(q(Equal, 0.0), at(999), &run), Outcome::Passed);
    let failed = judge_one(q(Less, 5.0), at(2000), &run);
    assert_eq!(failed.decided_at, Some(ms(2000)));
    assert_eq!(why(&failed), "5 < 5 does not hold at 2.000s");
}

#[test]
fn functions_at_a_moment_see_nothing_later() {
    let run = steps().finished_at(10_000);
    let max = compared(function(SeriesFunction::Max, "q"), Equal, count(5.0));
    assert_eq!(outcome(max, at(3999), &run), Outcome::Passed);
}

#[test]
fn within_is_satisfied_by_the_first_moment_at_which_it_is_true() {
    let run = steps().finished_at(10_000);
    let held = judge_one(q(GreaterOrEqual, 5.0), within(3500), &run);
    assert_eq!(held.outcome, Outcome::Passed);
    assert_eq!(held.decided_at, Some(ms(1000)));
    assert_eq!(seen(&held), [("q", "5")]);
    // A claim that was true at the start was true in time, and so was one that became true at the deadline.
    assert_eq!(outcome(q(Equal, 0.0), within(100), &run), Outcome::Passed);
    assert_eq!(outcome(q(Equal, 9.0), within(4000), &run), Outcome::Passed);
}

#[test]
fn a_failed_within_shows_the_value_at_its_deadline_and_when_it_became_true() {
    let run = steps().finished_at(10_000);
    let late = judge_one(q(Equal, 9.0), within(3500), &run);
    assert_eq!(late.outcome, Outcome::Failed);
    assert_eq!(late.decided_at, Some(ms(3500)));
    assert_eq!(seen(&late), [("q", "2")]);
    assert_eq!(
        why(&late),
        "2 == 9 does not hold at 3.500s; it became true at 4.000s"
    );
    let never = judge_one(q(Equal, 10.0), within(3500), &run);
    assert_eq!(
        why(&never),
        "2 == 10 does not hold at 3.500s; nor did it become true by the end of the run (10.000s)"
    );
}

#[test]
fn during_a_window_a_quantity_must_hold_at_every_moment_of_it() {
    let run = steps().finished_at(10_000);
    assert_eq!(
        outcome(q(Equal, 5.0), during(1000, 2999), &run),
        Outcome::Passed
    );
    let held = judge_one(q(Greater, 1.0), during(1000, 5000), &run);
    assert_eq!(
        (held.outcome, held.decided_at),
        (Outcome::Passed, Some(ms(5000)))
    );

    let failed = judge_one(q(GreaterOrEqual, 5.0), during(1500, 5000), &run);
    assert_eq!(failed.outcome, Outcome::Failed);
    assert_eq!(failed.decided_at, Some(ms(3000)));
    assert_eq!(seen(&failed), [("q", "2")]);
    assert_eq!(why(&failed), "2 >= 5 does not hold at 3.000s");
    // Its first moment belongs to it, with the value from before.
    let first = judge_one(q(Equal, 5.0), during(999, 2000), &run);
    assert_eq!(first.decided_at, Some(ms(999)));
    let last = judge_one(q(Equal, 5.0), during(1000, 3000), &run);
    assert_eq!(last.decided_at, Some(ms(3000)));
}

#[test]
fn functions_during_a_window_see_only_the_window_and_all_of_it() {
    let run = steps().finished_at(10_000);
    let is = |f, value| compared(function(f, "q"), Equal, count(value));
    let of = |f, value| outcome(is(f, value), during(2000, 3500), &run);
    assert_eq!(of(SeriesFunction::Max, 5.0), Outcome::Passed);
    assert_eq!(of(SeriesFunction::Min, 2.0), Outcome::Passed);
    assert_eq!(of(SeriesFunction::Mean, 4.0), Outcome::Passed);
    assert_eq!(of(SeriesFunction::Last, 2.0), Outcome::Passed);
    assert_eq!(of(SeriesFunction::Rate, -2.0), Outcome::Passed);
}

#[test]
fn always_fails_at_the_first_moment_at_which_it_is_false() {
    let run = steps().finished_at(10_000);
    let held = judge_one(q(LessOrEqual, 9.0), Window::Always, &run);
    assert_eq!(
        (held.outcome, held.decided_at),
        (Outcome::Passed, Some(ms(10_000)))
    );
    let failed = judge_one(q(Less, 5.0), Window::Always, &run);
    assert_eq!(
        (failed.outcome, failed.decided_at),
        (Outcome::Failed, Some(ms(1000)))
    );
    assert_eq!(why(&failed), "5 < 5 does not hold at 1.000s");
}

#[test]
fn never_fails_at_the_first_moment_at_which_it_is_true() {
    let run = steps().finished_at(10_000);
    assert_eq!(
        outcome(q(Greater, 9.0), Window::Never, &run),
        Outcome::Passed
    );
    let failed = judge_one(q(Greater, 5.0), Window::Never, &run);
    assert_eq!(
        (failed.outcome, failed.decided_at),
        (Outcome::Failed, Some(ms(4000)))
    );
    assert_eq!(why(&failed), "9 > 5 became true at 4.000s");
}

#[test]
fn claims_about_several_series_are_checked_when_any_of_them_changes() {
    let run = TimelineBuilder::new()
        .gauge("a", &[(1000, 1), (3000, 0)])
        .gauge("b", &[(2000, 1), (2500, 0)])
        .finished_at(5000);
    let both = || compared(metric("a"), Equal, metric("b"));
    let failed = judge_one(both(), Window::Always, &run);
    assert_eq!(failed.decided_at, Some(ms(1000)));
    assert_eq!(seen(&failed), [("a", "1"), ("b", "0")]);
    assert_eq!(
        judge_one(both(), during(2000, 2499), &run).outcome,
        Outcome::Passed
    );
    assert_eq!(
        judge_one(both(), during(2000, 2999), &run).decided_at,
        Some(ms(2500))
    );
}

#[test]
fn a_run_that_was_interrupted_decides_only_what_it_had_seen() {
    let run = TimelineBuilder::new()
        .gauge("q", &[(1000, 5), (3000, 2)])
        .interrupted_at(3500);
    let of = |claim, window| judge_one(claim, window, &run);

    let end = of(q(Equal, 2.0), Window::End);
    assert_eq!(end.outcome, Outcome::Inconclusive);
    assert_eq!(seen(&end), [("q", "2")]);
    assert_eq!(
        why(&end),
        "the run was interrupted at 3.500s, before its end"
    );

    let late = of(q(Equal, 2.0), at(4000));
    assert_eq!(late.outcome, Outcome::Inconclusive);
    assert_eq!(
        why(&late),
        "the run was interrupted at 3.500s, before 4.000s"
    );
    assert_eq!(of(q(Equal, 5.0), at(2000)).outcome, Outcome::Passed);
    assert_eq!(of(q(Equal, 4.0), at(2000)).outcome, Outcome::Failed);

    assert_eq!(of(q(Equal, 5.0), within(9000)).outcome, Outcome::Passed);
    assert_eq!(
        of(q(Equal, 9.0), within(9000)).outcome,
        Outcome::Inconclusive
    );
    assert_eq!(of(q(Equal, 9.0), within(3000)).outcome, Outcome::Failed);

    assert_eq!(
        of(q(Greater, 1.0), during(1000, 3400)).outcome,
        Outcome::Passed
    );
    assert_eq!(
        of(q(Greater, 1.0), during(1000, 4000)).outcome,
        Outcome::Inconclusive
    );
    assert_eq!(
        of(q(Greater, 2.0), during(1000, 4000)).outcome,
        Outcome::Failed
    );
    assert_eq!(
        of(q(Greater, 1.0), during(4000, 5000)).outcome,
        Outcome::Inconclusive
    );
    // A function of a window is not known before the window has ended, whatever it is so far.
    let min = compared(function(SeriesFunction::Min, "q"), Greater, count(4.0));
    assert_eq!(of(min, during(1000, 4000)).outcome, Outcome::Inconclusive);

    assert_eq!(
        of(q(Less, 9.0), Window::Always).outcome,
        Outcome::Inconclusive
    );
    assert_eq!(of(q(Less, 5.0), Window::Always).outcome, Outcome::Failed);
    assert_eq!(
        of(q(Equal, 9.0), Window::Never).outcome,
        Outcome::Inconclusive
    );
    assert_eq!(of(q(Equal, 5.0), Window::Never).outcome, Outcome::Failed);
}

#[test]
fn a_run_that_ended_before_a_window_did_not_decide_it() {
    let run = steps().finished_at(10_000);
    let late = judge_one(q(Equal, 9.0), at(12_000), &run);
    assert_eq!(late.outcome, Outcome::Inconclusive);
    assert_eq!(why(&late), "the run ended at 10.000s, before 12.000s");
}
