//! The results of tests in the output of a command with `tap: true`, each judged like an expectation.
//!
//! Two forms are read: the Test Anything Protocol (TAP 12 to 14, and the kernel's KTAP), of which only the outermost
//! points count; and the lines that the kernel's network selftests print (`TEST: name  [ OK ]`, Linux
//! `tools/testing/selftests/net/lib.sh`).

use std::sync::LazyLock;

use regex::Regex;

use crate::metrics::command;
use crate::record::{Observation, Offset, Outcome, RunEnd, Series, Timeline, Verdict};
use crate::scenario::workload::CommandSpec;

/// Number of diagnostic lines after a failed point that its reason quotes.
const QUOTED: usize = 3;
/// Exit code of a kernel selftest that was skipped (`KSFT_SKIP`, Linux `tools/testing/selftests/kselftest.h`).
const KSFT_SKIP: i64 = 4;

/// `ok 3 - name # SKIP reason`.
static POINT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(not )?ok(?:\s+|$)(\d+)?\s*-?\s*(.*?)\s*(?:#\s*((?i:skip|todo|xfail|timeout)\w*)\b[: ]*(.*))?$").ok()
});
/// `TEST: name  [ OK ]`.
static SELFTEST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^\s*(?:TEST:)?\s*(\S.*?)\s*\[\s*(OK|PASS|FAIL|SKIP|XFAIL)\s*\]\s*$").ok()
});
/// `1..12 # SKIP reason`.
static PLAN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^1\.\.(\d+)\s*(?:#\s*(?i:skip)\w*\s*(.*))?$").ok());

/// Judges every test point of a command, and that its results are complete.
pub(super) fn verdicts(spec: &CommandSpec, timeline: &Timeline) -> Vec<Verdict> {
    let name = spec.name.as_str();
    let series = timeline.series(&format!("{name}.{}", command::STDOUT.name));
    let lines = series.map_or(&[][..], |series| &series.lines);
    let results = Results::read(lines);
    let make = |text: String, outcome, observed, reason, decided_at| Verdict {
        text,
        line: spec.place.line,
        column: spec.place.column,
        outcome,
        observed,
        reason,
        decided_at,
        emulated: timeline.emulated(),
    };
    let mut verdicts: Vec<Verdict> = results
        .points
        .iter()
        .map(|point| {
            let observed = Observation {
                quantity: format!("{name}.stdout line {}", point.line),
                value: point.text.trim().to_owned(),
                number: None,
            };
            let text = format!("{name}: {}", point.name);
            let reason = point.reason.clone();
            make(text, point.outcome, vec![observed], reason, Some(point.at))
        })
        .collect();
    let (outcome, reason) = results.conclusion(spec, timeline);
    let text = format!("{name}: all results are there");
    let count = Observation {
        quantity: format!("results of {name}"),
        value: results.points.len().to_string(),
        number: Some(results.points.len() as f64),
    };
    verdicts.push(make(text, outcome, vec![count], reason, None));
    verdicts
}

/// A test point.
#[derive(Debug, PartialEq)]
struct TestPoint {
    name: String,
    outcome: Outcome,
    reason: Option<String>,
    /// Its line as printed, and the number of that line from 1.
    text: String,
    line: usize,
    at: Offset,
}

/// Everything that a command printed about its tests.
#[derive(Debug, Default)]
struct Results {
    points: Vec<TestPoint>,
    /// Number of points that were announced.
    plan: Option<usize>,
    /// The reason for which the whole command was skipped.
    skipped: Option<String>,
    bail_out: Option<String>,
}

impl Results {
    fn read(lines: &[(Offset, String)]) -> Self {
        let mut results = Self::default();
        let mut quoted = QUOTED;
        for (number, (at, text)) in lines.iter().enumerate() {
            if let Some(point) = point(text, number + 1, *at) {
                quoted = 0;
                results.points.push(point);
            } else if let Some(reason) = text.strip_prefix("Bail out!") {
                results.bail_out = Some(reason.trim().to_owned());
            } else if let Some(plan) = captures(&PLAN, text) {
                results.plan = plan.get(1).and_then(|count| count.as_str().parse().ok());
                let reason = plan.get(2).map(|reason| reason.as_str().to_owned());
                results.skipped = reason.filter(|_| results.plan == Some(0));
            } else if let Some(diagnostic) = text.strip_prefix('#')
                && let Some(last) = results.points.last_mut()
                && last.outcome == Outcome::Failed
                && quoted < QUOTED
                && !diagnostic.trim().is_empty()
            {
                quoted += 1;
                let reason = last.reason.get_or_insert_default();
                if !reason.is_empty() {
                    reason.push_str("; ");
                }
                reason.push_str(diagnostic.trim());
            }
        }
        results
    }

    /// Returns whether every result is there; if not, or if the command itself failed, the reason.
    fn conclusion(&self, spec: &CommandSpec, timeline: &Timeline) -> (Outcome, Option<String>) {
        let name = spec.name.as_str();
        let exit = timeline
            .series(&format!("{name}.{}", command::EXIT.name))
            .and_then(Series::last);
        let failed = |reason: String| (Outcome::Failed, Some(reason));
        if let Some(reason) = &self.bail_out {
            return failed(format!("it gave up: {}", or_no_reason(reason)));
        }
        let Some(exit) = exit else {
            let cut = match &timeline.end {
                Some(RunEnd::Finished { .. }) => "the run ended before the command did",
                _ => "the run broke off before the command ended",
            };
            return (Outcome::Inconclusive, Some(cut.to_owned()));
        };
        if let Some(reason) = &self.skipped {
            let reason = format!("it skipped all tests: {}", or_no_reason(reason));
            return (Outcome::NotApplicable, Some(reason));
        }
        let found = self.points.len();
        if exit == KSFT_SKIP && self.points.iter().all(TestPoint::is_skipped) {
            let reason = "it skipped its tests (exit code 4)".to_owned();
            return (Outcome::NotApplicable, Some(reason));
        }
        if found == 0 {
            return failed(format!(
                "it printed no test results (`ok 1 - NAME`, `TEST: NAME [ OK ]`), and its exit code is {exit}"
            ));
        }
        if timeline.gaps.contains_key(&format!("{name}.stdout")) {
            let reason = "its output was too long to be recorded completely".to_owned();
            return (Outcome::Inconclusive, Some(reason));
        }
        if let Some(plan) = self.plan.filter(|plan| *plan != found) {
            return failed(format!("it announced {plan} results and printed {found}"));
        }
        let any_failed = self
            .points
            .iter()
            .any(|point| point.outcome == Outcome::Failed);
        // A script that fails without a failed point has stopped early.
        if exit != 0 && !any_failed {
            return failed(format!("its exit code is {exit}, although no test failed"));
        }
        (Outcome::Passed, None)
    }
}

impl TestPoint {
    fn is_skipped(&self) -> bool {
        self.outcome == Outcome::NotApplicable
    }
}

fn point(text: &str, line: usize, at: Offset) -> Option<TestPoint> {
    let (name, outcome, reason) = tap_point(text).or_else(|| selftest_point(text))?;
    Some(TestPoint {
        name,
        outcome,
        reason,
        text: text.to_owned(),
        line,
        at,
    })
}

/// Reads a point of TAP. Its number is part of the name only if it has no description.
fn tap_point(text: &str) -> Option<(String, Outcome, Option<String>)> {
    let parts = captures(&POINT, text)?;
    let part = |index| parts.get(index).map(|part| part.as_str());
    let described = part(3).filter(|text| !text.is_empty());
    let name = described.map(str::to_owned);
    let name = name.unwrap_or_else(|| format!("test {}", part(2).unwrap_or("without a number")));
    let ok = part(1).is_none();
    let said = part(5).unwrap_or_default();
    let (outcome, reason) = match part(4).map(str::to_ascii_lowercase) {
        Some(word) if word.starts_with("skip") => (
            Outcome::NotApplicable,
            Some(format!("skipped: {}", or_no_reason(said))),
        ),
        Some(word) if word.starts_with("todo") || word.starts_with("xfail") => (
            Outcome::Passed,
            Some(format!("marked {word}: its result does not count")),
        ),
        Some(word) => (
            Outcome::Failed,
            Some(format!("{word} {said}").trim().to_owned()),
        ),
        None if ok => (Outcome::Passed, None),
        None => (Outcome::Failed, None),
    };
    Some((name, outcome, reason))
}

fn selftest_point(text: &str) -> Option<(String, Outcome, Option<String>)> {
    let parts = captures(&SELFTEST, text)?;
    let part = |index| parts.get(index).map_or("", |part| part.as_str());
    let (outcome, reason) = match part(2) {
        "FAIL" => (Outcome::Failed, None),
        "SKIP" => (Outcome::NotApplicable, Some("skipped".to_owned())),
        "XFAIL" => (
            Outcome::Passed,
            Some("marked xfail: its result does not count".to_owned()),
        ),
        _ => (Outcome::Passed, None),
    };
    Some((part(1).to_owned(), outcome, reason))
}

fn captures<'t>(regex: &LazyLock<Option<Regex>>, text: &'t str) -> Option<regex::Captures<'t>> {
    regex.as_ref()?.captures(text)
}

fn or_no_reason(text: &str) -> &str {
    if text.is_empty() {
        "no reason given"
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(text: &str) -> Results {
        let lines = text.lines().map(|line| (Offset::ZERO, line.to_owned()));
        Results::read(&lines.collect::<Vec<_>>())
    }

    fn outcomes(text: &str) -> Vec<(String, Outcome)> {
        let points = results(text).points.into_iter();
        points.map(|point| (point.name, point.outcome)).collect()
    }

    fn expected(points: &[(&str, Outcome)]) -> Vec<(String, Outcome)> {
        let points = points.iter();
        points
            .map(|(name, outcome)| ((*name).to_owned(), *outcome))
            .collect()
    }

    #[test]
    fn tap_points_count_with_their_directives_and_nested_ones_do_not() {
        use Outcome::{Failed, NotApplicable, Passed};
        let found = outcomes(
            "TAP version 13\n1..6\nok 1 - first\n    ok 1 - nested\n# ok 2 - quoted\nnot ok 2 second\nok 3\n\
             ok 4 - no vrf # SKIP no module\nnot ok 5 - later # TODO fix\nok-ish words\n\
             not ok 6 - slow # TIMEOUT 45s\n",
        );
        let points = [
            ("first", Passed),
            ("second", Failed),
            ("test 3", Passed),
            ("no vrf", NotApplicable),
            ("later", Passed),
            ("slow", Failed),
        ];
        assert_eq!(found, expected(&points));
    }

    #[test]
    fn lines_of_the_kernels_selftests_are_points() {
        use Outcome::{Failed, NotApplicable, Passed};
        let found = outcomes(
            "\nFIB rule tests\n    TEST: rule6 check: from 2001::1    [ OK ]\nTEST: ping  [FAIL]\n\
             TEST: mpls [SKIP]\nTests passed:   1\n",
        );
        let points = [
            ("rule6 check: from 2001::1", Passed),
            ("ping", Failed),
            ("mpls", NotApplicable),
        ];
        assert_eq!(found, expected(&points));
    }

    #[test]
    fn a_failed_point_quotes_the_first_diagnostics_after_it() {
        let results = results("not ok 1 - a\n# one\n#\n# two\nok 2 - b\n# three\n");
        assert_eq!(results.points[0].reason.as_deref(), Some("one; two"));
        assert_eq!(results.points[1].reason, None);
    }

    #[test]
    fn a_plan_of_zero_skips_everything() {
        let results = results("TAP version 14\n1..0 # SKIP not root\n");
        assert_eq!(results.plan, Some(0));
        assert_eq!(results.skipped.as_deref(), Some("not root"));
    }
}
