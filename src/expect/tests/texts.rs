//! Lines that match.

use super::build::*;
use crate::record::{Outcome, Timeline};
use crate::scenario::expr::Window;

const FULL: &str = "nf_conntrack: nf_conntrack: table full in netns 4026532201, dropping packet";
const SUPPRESSED: &str = "net_ratelimit: 12 callbacks suppressed";

fn kernel(lines: &[(u64, &str)]) -> Timeline {
    TimelineBuilder::new()
        .text("kernel.log", lines)
        .finished_at(10_000)
}

#[test]
fn one_line_that_matches_is_enough() {
    let log = kernel(&[(1000, "eth0: link up"), (2000, FULL)]);
    let held = judge_one(
        matches("kernel.log", "table full", false),
        Window::End,
        &log,
    );
    assert_eq!(held.outcome, Outcome::Passed);
    assert_eq!(
        seen(&held),
        [("kernel.log", format!("`{FULL}` at 2.000s").as_str())]
    );
    let within = judge_one(
        matches("kernel.log", "table full", false),
        within(5000),
        &log,
    );
    assert_eq!(within.decided_at, Some(ms(2000)));
}

#[test]
fn a_negated_match_fails_with_the_line_that_matches() {
    let log = kernel(&[(2000, FULL)]);
    let failed = judge_one(matches("kernel.log", "table full", true), Window::End, &log);
    assert_eq!(failed.outcome, Outcome::Failed);
    assert!(why(&failed).contains("dropping packet` at 2.000s"));
    let never = judge_one(
        matches("kernel.log", "table full", false),
        Window::Never,
        &log,
    );
    assert_eq!(
        (never.outcome, never.decided_at),
        (Outcome::Failed, Some(ms(2000)))
    );
    let other = judge_one(
        matches("kernel.log", "segfault", true),
        Window::Always,
        &log,
    );
    assert_eq!(other.outcome, Outcome::Passed);
}

#[test]
fn only_lines_of_the_window_count() {
    let log = kernel(&[(2000, FULL), (6000, "other")]);
    let full = || matches("kernel.log", "table full", false);
    assert_eq!(judge_one(full(), at(1999), &log).outcome, Outcome::Failed);
    assert_eq!(
        judge_one(full(), within(1999), &log).outcome,
        Outcome::Failed
    );
    assert_eq!(
        judge_one(full(), during(1000, 3000), &log).outcome,
        Outcome::Passed
    );
    let after = judge_one(full(), during(3000, 8000), &log);
    assert_eq!(after.outcome, Outcome::Failed);
    assert_eq!(
        seen(&after),
        [("kernel.log", "one line, no match: `other`")]
    );
}

#[test]
fn lines_that_the_kernel_may_have_suppressed_do_not_fail_a_claim() {
    let log = kernel(&[(1500, SUPPRESSED)]);
    let verdict = judge_one(
        matches("kernel.log", "table full", false),
        Window::End,
        &log,
    );
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(why(&verdict).contains(SUPPRESSED));
    // But what is there is there, and what must not be there was not seen.
    let log = kernel(&[(1500, SUPPRESSED), (1600, FULL)]);
    let full = |negated| {
        judge_one(
            matches("kernel.log", "table full", negated),
            Window::End,
            &log,
        )
    };
    assert_eq!(full(false).outcome, Outcome::Passed);
    assert_eq!(full(true).outcome, Outcome::Failed);
}

#[test]
fn a_log_that_could_not_be_read_is_not_applicable() {
    let claim = || matches("kernel.log", "table full", false);
    let silent = TimelineBuilder::new().finished_at(1000);
    assert_eq!(
        judge_one(claim(), Window::End, &silent).outcome,
        Outcome::NotApplicable
    );
    let noted = TimelineBuilder::new()
        .gap(
            "kernel.log",
            "kernel.log could not be read: permission denied",
        )
        .finished_at(1000);
    let verdict = judge_one(claim(), Window::End, &noted);
    assert_eq!(verdict.outcome, Outcome::NotApplicable);
    assert_eq!(
        why(&verdict),
        "kernel.log could not be read: permission denied"
    );
}

#[test]
fn a_log_that_was_read_with_gaps_does_not_fail_a_claim() {
    let log = TimelineBuilder::new()
        .text("kernel.log", &[(1000, "other")])
        .gap(
            "kernel.log",
            "kernel.log lost lines: the kernel overwrote them before they were read",
        )
        .finished_at(2000);
    let verdict = judge_one(
        matches("kernel.log", "table full", false),
        Window::End,
        &log,
    );
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(why(&verdict).starts_with("kernel.log lost lines"));
}

#[test]
fn a_command_that_printed_nothing_has_no_lines() {
    let run = TimelineBuilder::new().finished_at(1000);
    let failed = judge_one(matches("ab.stdout", "Complete", false), Window::End, &run);
    assert_eq!(failed.outcome, Outcome::Failed);
    assert_eq!(seen(&failed), [("ab.stdout", "no lines")]);
    assert_eq!(
        why(&failed),
        "`ab.stdout` has no lines at the end of the run (1.000s)"
    );
    let clean = judge_one(matches("ab.stderr", ".", true), Window::End, &run);
    assert_eq!(clean.outcome, Outcome::Passed);
}

#[test]
fn a_failure_shows_the_last_line_that_was_there() {
    let run = TimelineBuilder::new()
        .text(
            "ab.stdout",
            &[(900, "Benchmarking"), (950, "Complete requests: 49")],
        )
        .finished_at(1000);
    let claim = matches("ab.stdout", "Complete requests: +50000", false);
    let failed = judge_one(claim, Window::End, &run);
    assert_eq!(
        seen(&failed),
        [(
            "ab.stdout",
            "2 lines, none of which matches; the last: `Complete requests: 49`"
        )]
    );
}

#[test]
fn truncated_output_does_not_fail_a_claim() {
    let run = TimelineBuilder::new()
        .text("ab.stdout", &[(900, "Benchmarking")])
        .gap(
            "ab.stdout",
            "`ab.stdout` is cut off after 1 lines, 12 bytes",
        )
        .finished_at(1000);
    let complete =
        |negated| judge_one(matches("ab.stdout", "Complete", negated), Window::End, &run);
    assert_eq!(complete(false).outcome, Outcome::Inconclusive);
    assert!(why(&complete(false)).contains("cut off"));
    assert_eq!(complete(true).outcome, Outcome::Passed);
}
