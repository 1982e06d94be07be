//! Variants against each other.

use std::collections::BTreeMap;

use super::build::*;
use crate::expect::compare;
use crate::record::{Event, Outcome, Timeline, Verdict};
use crate::scenario::expr::CompareOp::*;
use crate::scenario::expr::{ArithmeticOp, Window};

fn established(value: i64) -> TimelineBuilder {
    TimelineBuilder::new().counter("load.established", &[(1000, value)])
}

/// `reuse.load.established > 2 * default.load.established`.
fn judged(variants: &[(&str, &Timeline, Outcome)]) -> Verdict {
    let claim = compared(
        of_variant("reuse", "load.established"),
        Greater,
        calculated(
            count(2.0),
            ArithmeticOp::Multiply,
            of_variant("default", "load.established"),
        ),
    );
    let variants = variants
        .iter()
        .map(|(name, timeline, outcome)| ((*name).to_owned(), (*timeline, *outcome)))
        .collect::<BTreeMap<_, _>>();
    compare(&[expectation(claim, Window::End)], &variants).remove(0)
}

#[test]
fn variants_are_compared_each_at_its_own_end() {
    let (default, reuse) = (
        established(1000).finished_at(20_000),
        established(2500).finished_at(30_000),
    );
    let verdict = judged(&[
        ("default", &default, Outcome::Passed),
        ("reuse", &reuse, Outcome::Passed),
    ]);
    assert_eq!(verdict.outcome, Outcome::Passed);
    assert_eq!(
        seen(&verdict),
        [
            ("reuse.load.established", "2500"),
            ("default.load.established", "1000")
        ]
    );
}

#[test]
fn a_comparison_that_does_not_hold_shows_both_sides() {
    let (default, reuse) = (
        established(1000).finished_at(20_000),
        established(1900).finished_at(20_000),
    );
    // A variant that failed has a result all the same.
    let verdict = judged(&[
        ("default", &default, Outcome::Failed),
        ("reuse", &reuse, Outcome::Passed),
    ]);
    assert_eq!(verdict.outcome, Outcome::Failed);
    assert_eq!(
        why(&verdict),
        "1900 > 2000 does not hold at the end of the run (20.000s)"
    );
}

#[test]
fn comparisons_with_a_variant_that_lacked_processor_time_are_inconclusive() {
    let (mut default, reuse) = (
        established(1000).finished_at(20_000),
        established(1900).finished_at(20_000),
    );
    default.add(Event::Processor {
        ran: 1_000_000_000,
        waited: 2_000_000_000,
        turns: 1000,
    });
    let passed = |reuse| {
        judged(&[
            ("default", &default, Outcome::Passed),
            ("reuse", reuse, Outcome::Passed),
        ])
    };
    let verdict = passed(&reuse);
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(
        why(&verdict).starts_with("in the variant `default` the machine was too busy: "),
        "{}",
        why(&verdict)
    );
    // A comparison that holds is not affected.
    let more = established(2500).finished_at(20_000);
    assert_eq!(passed(&more).outcome, Outcome::Passed);
}

#[test]
fn variants_without_a_result_are_named_in_a_comparison_without_one() {
    let run = established(1).finished_at(1000);
    for outcome in [
        Outcome::NotApplicable,
        Outcome::Inconclusive,
        Outcome::Errored,
    ] {
        let verdict = judged(&[("default", &run, Outcome::Passed), ("reuse", &run, outcome)]);
        assert_eq!(verdict.outcome, outcome);
        assert_eq!(why(&verdict), format!("the variant `reuse` is {outcome}"));
    }
    let worst = judged(&[
        ("default", &run, Outcome::Errored),
        ("reuse", &run, Outcome::NotApplicable),
    ]);
    assert_eq!(why(&worst), "the variant `default` is errored");
}

#[test]
fn a_variant_that_did_not_run_leaves_its_comparison_skipped() {
    let run = established(1).finished_at(1000);
    let verdict = judged(&[("default", &run, Outcome::Passed)]);
    assert_eq!(verdict.outcome, Outcome::Skipped);
    assert_eq!(why(&verdict), "the variant `reuse` did not run");
}

#[test]
fn other_variants_do_not_matter_to_a_comparison() {
    let run = established(1).finished_at(1000);
    let better = established(9).finished_at(1000);
    let verdict = judged(&[
        ("default", &run, Outcome::Passed),
        ("reuse", &better, Outcome::Passed),
        ("third", &run, Outcome::Errored),
    ]);
    assert_eq!(verdict.outcome, Outcome::Passed);
}

#[test]
fn a_comparison_with_an_emulated_variant_says_emulated() {
    let real = established(1).finished_at(1000);
    let emulated = established(9).emulating().finished_at(1000);
    let verdict = judged(&[
        ("default", &real, Outcome::Passed),
        ("reuse", &emulated, Outcome::Passed),
    ]);
    assert!(verdict.emulated);
}

#[test]
fn a_counter_that_changed_in_only_one_variant_was_zero_in_the_other() {
    let still = TimelineBuilder::new().finished_at(1000);
    let counted = TimelineBuilder::new()
        .counter("server.TcpExtListenDrops", &[(500, 3)])
        .finished_at(1000);
    let drops = |variant| of_variant(variant, "server.TcpExtListenDrops");
    let claim = || compared(drops("small"), Greater, drops("large"));
    let judged = |small, large| {
        let variants = [("small", small), ("large", large)]
            .map(|(name, timeline)| (name.to_owned(), (timeline, Outcome::Passed)));
        compare(&[expectation(claim(), Window::End)], &variants.into()).remove(0)
    };
    let verdict = judged(&counted, &still);
    assert_eq!(verdict.outcome, Outcome::Passed);
    assert_eq!(
        seen(&verdict),
        [
            ("small.server.TcpExtListenDrops", "3"),
            ("large.server.TcpExtListenDrops", "0")
        ]
    );
    assert_eq!(judged(&still, &still).outcome, Outcome::NotApplicable);
}
