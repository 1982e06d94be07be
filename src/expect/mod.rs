//! Judges a record by the expectations of its scenario: pure functions of expectations and timelines.
//!
//! Not here: the grammar of expectations (`scenario`) and the display of verdicts (`report`).
//!
//! # The value of a quantity at a moment
//!
//! A value holds until its next change. Before its first change, a counter or a gauge is 0, an exit status is
//! *still running*, and a distribution has measured nothing. A comparison does not hold if one of its quantities has no
//! value, whatever its operator. The meaning of a series that is missing from the record depends on its name: see
//! `absent`. A function applies to everything in the window up to the moment: see `metric` and `distribution`.
//!
//! # The moments at which a claim is checked
//!
//! At both ends of its window and at every change of a series that it names. Nothing changes in between, except that
//! `mean` and `rate` of a steady series drift towards their next value.
//!
//! | window | holds if | functions cover |
//! |---|---|---|
//! | none | it is true at the end of the run | the whole run |
//! | `at t` | it is true at `t` | 0 to `t` |
//! | `within d` | it is true at some moment up to `d` | 0 to that moment |
//! | `during a..b` | it is true at every moment from `a` to `b` | `a` to `b`, always all of it |
//! | `always`, `never` | it is true at every moment, or at no moment, of the run | 0 to that moment |
//!
//! # The outcome of a run
//!
//! If the record ends with an error, or with *not applicable*, so does the run; a record without an end is an
//! error. The run is inconclusive if the machine could not generate the load (see `load`), a step came late (see
//! `steps`) or a fault matched no segment (see `unmet`): a different load proves nothing, unless what was observed
//! contradicts an expectation at any load (see `certain`). Otherwise the outcome is the greatest one of the verdicts.

mod absent;
mod activity;
mod answers;
mod arithmetic;
mod bottleneck;
mod certain;
mod claim;
mod decide;
mod descriptors;
mod distribution;
mod evidence;
mod load;
mod metric;
mod others;
mod show;
mod starved;
mod steps;
mod tap;
mod text;
mod unmet;

#[cfg(test)]
mod tests;

pub use bottleneck::is_at_a_limit;

use std::collections::BTreeMap;

use crate::record::{Offset, Outcome, RunEnd, RunVerdict, Timeline, Verdict};
use crate::scenario::RunSpec;
use crate::scenario::expr::Expectation;

pub use answers::Answers;
use evidence::Evidence;

/// Judges one run: each of its expectations, and the run as a whole.
pub fn judge(spec: &RunSpec, timeline: &Timeline) -> RunVerdict {
    if let Some(RunEnd::NotApplicable(reason)) = &timeline.end {
        return without_evidence(spec, timeline, Outcome::NotApplicable, reason);
    }
    if let Some(RunEnd::Errored(reason)) = &timeline.end
        && timeline.now == Offset::ZERO
    {
        return without_evidence(spec, timeline, Outcome::Errored, reason);
    }
    let evidence = Evidence::of_run(timeline);
    let expected = spec.expect.iter().map(|expectation| {
        let verdict = decide::verdict(expectation, &evidence);
        starved::excuse(verdict, expectation, spec.sample_every, &evidence)
    });
    let commands = spec.workload.commands.iter();
    let printed = commands.filter(|command| command.tap);
    let printed = printed.flat_map(|command| tap::verdicts(command, timeline));
    let mut verdicts: Vec<Verdict> = expected.chain(printed).collect();
    let certain = load::shortfall(spec, timeline).and_then(|short| {
        let rule = add_contradictions(spec, timeline, &mut verdicts)?;
        Some(format!("{rule}; {short}"))
    });
    match (certain, conclude(spec, timeline, verdicts)) {
        (Some(rule), judged) if judged.outcome == Outcome::Inconclusive => RunVerdict {
            outcome: Outcome::Failed,
            reason: Some(rule),
            ..judged
        },
        (_, judged) => judged,
    }
}

/// Adds its rule to each verdict that holds at any load. Returns a sentence with the first of these expectations.
fn add_contradictions(
    spec: &RunSpec,
    timeline: &Timeline,
    verdicts: &mut [Verdict],
) -> Option<String> {
    let mut first = None;
    for (verdict, expectation) in verdicts.iter_mut().zip(&spec.expect) {
        if let Some(rule) = certain::contradiction(spec, expectation, verdict, timeline) {
            first.get_or_insert_with(|| format!("`{}` is {rule}", verdict.text));
            let reasons = verdict.reason.take().into_iter().chain([rule]);
            verdict.reason = Some(reasons.collect::<Vec<_>>().join("; "));
        }
    }
    first
}

/// Judges the expectations under `compare:` of one case after all of its variants have run.
///
/// A comparison with a run that gave no result cannot be made: it is skipped, not applicable, inconclusive or errored
/// like the variant, and says which one. A failed variant does have a result.
pub fn compare(
    compare: &[Expectation],
    variants: &BTreeMap<String, (&Timeline, Outcome)>,
) -> Vec<Verdict> {
    compare
        .iter()
        .map(|expectation| compare_one(expectation, variants))
        .collect()
}

fn compare_one(
    expectation: &Expectation,
    variants: &BTreeMap<String, (&Timeline, Outcome)>,
) -> Verdict {
    let mut timelines = BTreeMap::new();
    let mut without_result: Option<(Outcome, &str)> = None;
    for name in claim::variants(&expectation.claim) {
        let outcome = match variants.get(name) {
            Some((timeline, outcome)) => {
                timelines.insert(name, *timeline);
                *outcome
            }
            None => Outcome::Skipped,
        };
        let gave_a_result = matches!(outcome, Outcome::Passed | Outcome::Flaky | Outcome::Failed);
        if !gave_a_result && without_result.is_none_or(|(worst, _)| outcome > worst) {
            without_result = Some((outcome, name));
        }
    }
    let evidence = Evidence::of_variants(timelines.clone());
    match without_result {
        Some((outcome, name)) => {
            let reason = match outcome {
                Outcome::Skipped => format!("the variant `{name}` did not run"),
                _ => format!("the variant `{name}` is {outcome}"),
            };
            decide::undecided(expectation, outcome, reason, evidence.emulated())
        }
        None => {
            let verdict = decide::verdict(expectation, &evidence);
            excuse(verdict, &timelines)
        }
    }
}

/// Makes a failed comparison inconclusive if one of its runs did not get the processor time that it needed, or a step
/// was complete late.
fn excuse(verdict: Verdict, variants: &BTreeMap<&str, &Timeline>) -> Verdict {
    if verdict.outcome != Outcome::Failed {
        return verdict;
    }
    let busy = variants.iter().find_map(|(name, timeline)| {
        let why = load::starved_of_processors(timeline).or_else(|| steps::late_end(timeline))?;
        Some(format!("in the variant `{name}` {why}"))
    });
    match busy {
        None => verdict,
        reason => Verdict {
            outcome: Outcome::Inconclusive,
            reason,
            ..verdict
        },
    }
}

/// Returns the verdict on a run whose clock never started, so nothing was observed.
fn without_evidence(
    spec: &RunSpec,
    timeline: &Timeline,
    outcome: Outcome,
    reason: &str,
) -> RunVerdict {
    let verdict = |expectation| {
        let reason = reason.to_owned();
        decide::undecided(expectation, outcome, reason, timeline.emulated())
    };
    RunVerdict {
        outcome,
        reason: Some(reason.to_owned()),
        verdicts: spec.expect.iter().map(verdict).collect(),
    }
}

/// Returns the verdict with the greatest outcome. Test points that a command skipped count only if it skipped all
/// of them; otherwise the text says how many were skipped.
fn worst<'a>(spec: &RunSpec, verdicts: &'a [Verdict]) -> (Option<&'a Verdict>, Option<String>) {
    let (others, points) = verdicts.split_at(verdicts.len().min(spec.expect.len()));
    let is_skipped = |verdict: &&Verdict| verdict.outcome == Outcome::NotApplicable;
    let skipped = points.iter().filter(is_skipped).count();
    // The last verdict on each command is not a point.
    let commands = spec.workload.commands.iter().filter(|command| command.tap);
    let all = points.len().saturating_sub(commands.count());
    let counted = points
        .iter()
        .filter(|point| skipped >= all || !is_skipped(point));
    let worst = others.iter().chain(counted);
    let said = (skipped > 0).then(|| format!("{skipped} of {all} test points were skipped"));
    (worst.max_by_key(|verdict| verdict.outcome), said)
}

/// Combines the verdicts on the expectations with the end of the run.
fn conclude(spec: &RunSpec, timeline: &Timeline, verdicts: Vec<Verdict>) -> RunVerdict {
    let (outcome, reason) = match &timeline.end {
        None => (
            Outcome::Errored,
            Some(format!(
                "the worker died: its record breaks off at {}",
                timeline.now
            )),
        ),
        Some(RunEnd::Errored(error)) => (Outcome::Errored, Some(error.clone())),
        Some(RunEnd::NotApplicable(reason)) => (Outcome::NotApplicable, Some(reason.clone())),
        Some(RunEnd::Finished { interrupted, .. }) => {
            let (worst, skipped) = worst(spec, &verdicts);
            let short = load::shortfall(spec, timeline)
                .or_else(|| unmet::wire(spec, timeline))
                .or_else(|| unmet::faults(spec, timeline))
                .or_else(|| steps::late_start(timeline))
                .or_else(|| descriptors::exhaustion(spec, timeline))
                .map(|why| match interrupted {
                    true => format!("the run was interrupted at {}; {why}", timeline.now),
                    false => why,
                });
            match worst {
                Some(worst) if worst.outcome == Outcome::Errored => {
                    (worst.outcome, worst.reason.clone())
                }
                _ if short.is_some() => (Outcome::Inconclusive, short),
                None if *interrupted => (
                    Outcome::Inconclusive,
                    Some(format!("the run was interrupted at {}", timeline.now)),
                ),
                None => (
                    Outcome::Passed,
                    Some("the run has no expectations".to_owned()),
                ),
                Some(worst) => match worst.outcome {
                    Outcome::Failed => match descriptors::shortage(spec, timeline)
                        .or_else(|| load::starved_of_processors(timeline))
                        .or_else(|| unmet::late_wire(spec, timeline))
                        .or_else(|| steps::late_end(timeline))
                        .or_else(|| others::beside(spec, timeline))
                    {
                        Some(reason) => (Outcome::Inconclusive, Some(reason)),
                        None => (Outcome::Failed, None),
                    },
                    Outcome::Passed => (Outcome::Passed, skipped),
                    outcome => (outcome, worst.reason.clone()),
                },
            }
        }
    };
    RunVerdict {
        outcome,
        reason,
        verdicts,
    }
}
