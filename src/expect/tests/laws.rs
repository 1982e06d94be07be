//! Laws that hold for every record: windows agree with each other, and functions with their plain definitions.

use proptest::prelude::*;

use super::build::*;
use crate::record::{Outcome, Timeline};
use crate::scenario::expr::CompareOp::*;
use crate::scenario::expr::{Claim, CompareOp, Expr, SeriesFunction, Window};

const END: u64 = 50;

/// Values by millisecond, in the order of time.
fn changes() -> impl Strategy<Value = Vec<(u64, i64)>> {
    prop::collection::btree_map(0..END, -3..6_i64, 0..12)
        .prop_map(|changes| changes.into_iter().collect())
}

fn op() -> impl Strategy<Value = CompareOp> {
    prop::sample::select(vec![
        Equal,
        NotEqual,
        Less,
        LessOrEqual,
        Greater,
        GreaterOrEqual,
    ])
}

fn contrary(op: CompareOp) -> CompareOp {
    match op {
        Equal => NotEqual,
        NotEqual => Equal,
        Less => GreaterOrEqual,
        LessOrEqual => Greater,
        Greater => LessOrEqual,
        GreaterOrEqual => Less,
    }
}

fn quantity() -> impl Strategy<Value = Expr> {
    prop::sample::select(vec![
        metric("q"),
        function(SeriesFunction::Max, "q"),
        function(SeriesFunction::Min, "q"),
        function(SeriesFunction::Mean, "q"),
        function(SeriesFunction::Last, "q"),
        function(SeriesFunction::Rate, "q"),
    ])
}

fn run(changes: &[(u64, i64)]) -> Timeline {
    TimelineBuilder::new().gauge("q", changes).finished_at(END)
}

fn passes(claim: Claim, window: Window, timeline: &Timeline) -> bool {
    judge_one(claim, window, timeline).outcome == Outcome::Passed
}

/// The value at a millisecond, as a person would look it up.
fn value_at(changes: &[(u64, i64)], t: u64) -> i64 {
    let mut before = changes.iter().filter(|(when, _)| *when <= t);
    before.next_back().map_or(0, |(_, value)| *value)
}

proptest! {
    #[test]
    fn windows_agree_with_each_other(
        changes in changes(),
        quantity in quantity(),
        op in op(),
        bound in -3..6_i64,
    ) {
        let run = run(&changes);
        let claim = |op| compared(quantity.clone(), op, count(bound as f64));
        let never = passes(claim(op), Window::Never, &run);
        prop_assert_eq!(never, !passes(claim(op), within(END), &run));
        prop_assert_eq!(never, passes(claim(contrary(op)), Window::Always, &run));
        prop_assert_eq!(
            passes(claim(op), Window::End, &run),
            passes(claim(op), at(END), &run)
        );
    }

    #[test]
    fn functions_of_a_window_are_what_they_say(
        changes in changes(),
        from in 0..END,
        length in 1..END,
    ) {
        let to = (from + length).min(END);
        let run = run(&changes);
        let values: Vec<i64> = (from..=to).map(|t| value_at(&changes, t)).collect();
        let max = values.iter().max().copied().unwrap_or_default();
        let min = values.iter().min().copied().unwrap_or_default();
        let held = &values[..values.len() - 1];
        let mean = held.iter().sum::<i64>() as f64 / (to - from) as f64;
        let is = |f, value| {
            let claim = compared(function(f, "q"), Equal, count(value));
            passes(claim, during(from, to), &run)
        };
        prop_assert!(is(SeriesFunction::Max, max as f64));
        prop_assert!(is(SeriesFunction::Min, min as f64));
        prop_assert!(is(SeriesFunction::Mean, mean));
        prop_assert!(is(SeriesFunction::Last, value_at(&changes, to) as f64));
        let holds_throughout = values.iter().all(|value| *value >= 0);
        let bare = compared(metric("q"), GreaterOrEqual, count(0.0));
        prop_assert_eq!(passes(bare, during(from, to), &run), holds_throughout);
    }

    #[test]
    fn a_decided_verdict_stays_what_it_is_however_the_run_goes_on(
        changes in changes(),
        op in op(),
        bound in -3..6_i64,
        cut in 0..END,
    ) {
        let whole = run(&changes);
        let seen: Vec<(u64, i64)> =
            changes.iter().copied().filter(|(t, _)| *t <= cut).collect();
        let part = TimelineBuilder::new().gauge("q", &seen).interrupted_at(cut);
        let windows = [
            Window::Always,
            Window::Never,
            at(20),
            within(20),
            within(END),
            during(10, 30),
        ];
        for window in windows {
            let claim = || compared(metric("q"), op, count(bound as f64));
            let early = judge_one(claim(), window, &part);
            if early.outcome != Outcome::Inconclusive {
                prop_assert_eq!(early.outcome, judge_one(claim(), window, &whole).outcome);
            }
        }
    }
}
