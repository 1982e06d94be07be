//! Decides an expectation by checking its claim at the moments of its window.

use super::absent;
use super::claim::ClaimReader;
use super::evidence::Evidence;
use super::metric::ReadSpan;
use crate::metrics::command;
use crate::record::{Observation, Offset, Outcome, Verdict};
use crate::scenario::expr::{Expectation, Window};

/// The outcome of an expectation, and the values that decided it.
struct Decision {
    outcome: Outcome,
    at: Offset,
    observed: Vec<Observation>,
    reason: Option<String>,
}

pub(super) fn verdict(expectation: &Expectation, evidence: &Evidence<'_>) -> Verdict {
    let span = match expectation.window {
        Window::During(from, to) => {
            ReadSpan::Whole(Offset::from_duration(from), Offset::from_duration(to))
        }
        Window::End | Window::At(_) | Window::Within(_) | Window::Always | Window::Never => {
            ReadSpan::SoFar
        }
    };
    let mut claim = match ClaimReader::open(&expectation.claim, span, evidence) {
        Ok(claim) => claim,
        Err(why) => {
            let emulated = is_emulated(expectation, evidence);
            return match evidence.cut_short() {
                // The run ended before the series could appear.
                Some(cut) => undecided(expectation, Outcome::Inconclusive, cut, emulated),
                None => undecided(expectation, why.outcome, why.reason, emulated),
            };
        }
    };
    let mut decision = decide(&mut claim, expectation.window, evidence);
    if decision.outcome == Outcome::Failed
        && let Some(doubt) = claim.doubt()
    {
        decision.outcome = Outcome::Inconclusive;
        decision.reason = Some(doubt);
    }
    if decision.outcome == Outcome::Failed
        && let Some(output) = last_output(expectation, evidence)
    {
        let reason = decision.reason.into_iter().chain([output]);
        decision.reason = Some(reason.collect::<Vec<_>>().join("; "));
    }
    Verdict {
        text: expectation.text.clone(),
        line: expectation.place.line,
        column: expectation.place.column,
        outcome: decision.outcome,
        observed: decision.observed,
        reason: decision.reason,
        decided_at: Some(decision.at),
        emulated: is_emulated(expectation, evidence),
    }
}

/// Returns the end of what a command wrote, if the expectation is about its exit status: standard error, or standard
/// output if that is empty.
fn last_output(expectation: &Expectation, evidence: &Evidence<'_>) -> Option<String> {
    /// Lines that are shown, and characters of each.
    const LINES: usize = 3;
    const CHARACTERS: usize = 200;
    let metrics = expectation.metrics();
    let exit = metrics
        .iter()
        .find(|metric| absent::is_exit_status(&metric.series))?;
    let timeline = evidence.timeline(exit).ok()?;
    // Without a status, the command has not ended.
    timeline.series(exit.series.as_str())?.last()?;
    let command = absent::owner(&exit.series);
    [command::STDERR.name, command::STDOUT.name]
        .into_iter()
        .find_map(|stream| {
            let lines = &timeline.series(&format!("{command}.{stream}"))?.lines;
            let written: Vec<&str> = lines
                .iter()
                .map(|(_, line)| line.trim())
                .filter(|line| !line.is_empty())
                .collect();
            let last = &written[written.len().saturating_sub(LINES)..];
            let shown: Vec<String> = last
                .iter()
                .map(|line| line.chars().take(CHARACTERS).collect())
                .collect();
            (!shown.is_empty())
                .then(|| format!("the end of `{command}.{stream}`: {}", shown.join(" | ")))
        })
}

/// Returns the verdict on an expectation that could not be checked.
pub(super) fn undecided(
    expectation: &Expectation,
    outcome: Outcome,
    reason: String,
    emulated: bool,
) -> Verdict {
    Verdict {
        text: expectation.text.clone(),
        line: expectation.place.line,
        column: expectation.place.column,
        outcome,
        observed: Vec::new(),
        reason: Some(reason),
        decided_at: None,
        emulated,
    }
}

/// Returns true if anything was emulated: in the run, because that may affect everything in it, or in a series.
fn is_emulated(expectation: &Expectation, evidence: &Evidence<'_>) -> bool {
    evidence.emulated()
        || expectation.metrics().iter().any(|metric| {
            evidence
                .timeline(metric)
                .ok()
                .and_then(|timeline| timeline.series(metric.series.as_str()))
                .is_some_and(|series| series.declaration.emulated)
        })
}

fn decide(claim: &mut ClaimReader<'_>, window: Window, evidence: &Evidence<'_>) -> Decision {
    let end = evidence.end();
    let known = evidence.known_until();
    match window {
        Window::End => match evidence.cut_short() {
            Some(cut) => {
                claim.holds(known);
                claim.unknown(known, format!("{cut}, before its end"))
            }
            None => claim.hold_at(end, &format!("at the end of the run ({end})")),
        },
        Window::At(at) => {
            let at = Offset::from_duration(at);
            if at > known {
                claim.holds(known);
                claim.unknown(known, ended_before(evidence, at))
            } else {
                claim.hold_at(at, &format!("at {at}"))
            }
        }
        Window::Within(limit) => within(claim, Offset::from_duration(limit), evidence),
        Window::During(from, to) => {
            let (from, to) = (Offset::from_duration(from), Offset::from_duration(to));
            // The value of a function is unknown until the end of its window has been observed.
            if from > known || (to > known && claim.sees_a_span()) {
                claim.holds(known);
                return claim.unknown(known, ended_before(evidence, to));
            }
            let upto = to.min(known);
            match claim.first(from, upto, false) {
                Some(at) => {
                    let reason = claim.statement(false, &format!("at {at}"));
                    claim.decided(Outcome::Failed, at, Some(reason))
                }
                None if to > known => claim.unknown(known, ended_before(evidence, to)),
                None => claim.decided(Outcome::Passed, to, None),
            }
        }
        Window::Always => match claim.first(Offset::ZERO, known, false) {
            Some(at) => {
                let reason = claim.statement(false, &format!("at {at}"));
                claim.decided(Outcome::Failed, at, Some(reason))
            }
            None => to_the_end(claim, evidence),
        },
        Window::Never => match claim.first(Offset::ZERO, known, true) {
            Some(at) => {
                let reason = claim.statement(true, &format!("at {at}"));
                claim.decided(Outcome::Failed, at, Some(reason))
            }
            None => to_the_end(claim, evidence),
        },
    }
}

/// The note on `within` if nothing had to happen.
const TRUE_FROM_THE_START: &str =
    "it was true before anything happened, so it shows nothing; use `at` or `during`";

fn within(claim: &mut ClaimReader<'_>, limit: Offset, evidence: &Evidence<'_>) -> Decision {
    let (end, known) = (evidence.end(), evidence.known_until());
    if let Some(at) = claim.first(Offset::ZERO, limit.min(known), true) {
        let reason = (at == Offset::ZERO).then(|| TRUE_FROM_THE_START.to_owned());
        return claim.decided(Outcome::Passed, at, reason);
    }
    if limit > known {
        return claim.unknown(known, ended_before(evidence, limit));
    }
    let so_far = claim.statement(false, &format!("at {limit}"));
    let failed = claim.decided(Outcome::Failed, limit, None);
    let later = match claim.first(limit, end, true) {
        Some(at) => format!("it became true at {at}"),
        None if end > limit => format!("nor did it become true by the end of the run ({end})"),
        None => {
            return Decision {
                reason: Some(so_far),
                ..failed
            };
        }
    };
    Decision {
        reason: Some(format!("{so_far}; {later}")),
        ..failed
    }
}

fn to_the_end(claim: &ClaimReader<'_>, evidence: &Evidence<'_>) -> Decision {
    match evidence.cut_short() {
        Some(cut) => claim.unknown(evidence.known_until(), format!("{cut}, before its end")),
        None => claim.decided(Outcome::Passed, evidence.end(), None),
    }
}

fn ended_before(evidence: &Evidence<'_>, wanted: Offset) -> String {
    let known = evidence.known_until();
    let what = evidence
        .cut_short()
        .unwrap_or_else(|| format!("the run ended at {known}"));
    format!("{what}, before {wanted}")
}

impl ClaimReader<'_> {
    /// Returns the first moment at which the claim does, or does not, hold: the start, the end, or a change in between.
    fn first(&mut self, from: Offset, to: Offset, wanted: bool) -> Option<Offset> {
        let mut moments = self.changes();
        moments.retain(|t| (from..=to).contains(t));
        moments.extend([from, to]);
        moments.sort_unstable();
        moments.dedup();
        moments.into_iter().find(|t| self.holds(*t) == wanted)
    }

    fn hold_at(&mut self, at: Offset, when: &str) -> Decision {
        if self.holds(at) {
            self.decided(Outcome::Passed, at, None)
        } else {
            let reason = self.statement(false, when);
            self.decided(Outcome::Failed, at, Some(reason))
        }
    }

    fn unknown(&self, at: Offset, reason: String) -> Decision {
        self.decided(Outcome::Inconclusive, at, Some(reason))
    }

    fn decided(&self, outcome: Outcome, at: Offset, reason: Option<String>) -> Decision {
        Decision {
            outcome,
            at,
            observed: self.observed(),
            reason,
        }
    }
}
