//! The differences that decide whether two runs are alike: outcomes, and measures that expectations name.

use super::terminal::metric_line;
use crate::compare::{RunDiff, VerdictChange};
use crate::record::Outcome;

/// Returns a line for each outcome that differs, or for each measure that an expectation names and that has moved.
/// An outcome explains itself by the values on both sides.
pub fn key(diff: &RunDiff) -> Vec<String> {
    let mut lines: Vec<String> = diff.verdicts.iter().map(verdict).collect();
    if diff.verdicts.is_empty() && !diff.outcome.is_same() {
        let reason = |reason: &Option<String>| reason.clone();
        let reasons = [reason(&diff.reason.a), reason(&diff.reason.b)];
        let reasons = reasons.into_iter().flatten().collect::<Vec<_>>().join("; ");
        lines.push(format!(
            "{} -> {}: {reasons}",
            diff.outcome.a, diff.outcome.b
        ));
    }
    lines.extend(diff.key_metrics().map(metric_line));
    lines
}

fn verdict(change: &VerdictChange) -> String {
    let outcome = |side: Option<Outcome>| side.map_or("not expected", Outcome::as_str);
    let side = |outcome: &str, observed: &str, reason: &Option<String>| {
        let why = match (observed, reason) {
            ("", None) => return outcome.to_owned(),
            ("", Some(reason)) => reason,
            (observed, _) => observed,
        };
        format!("{outcome} ({why})")
    };
    let a = side(
        outcome(change.outcome.a),
        &change.observed.a,
        &change.reason.a,
    );
    let b = side(
        outcome(change.outcome.b),
        &change.observed.b,
        &change.reason.b,
    );
    format!("{}: {a} -> {b}", change.text)
}
