//! Groups results of records into scenarios and judges the comparisons of their variants.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::Replayed;
use super::files::RunInFile;
use crate::expect;
use crate::record::{Outcome, RunEnd, Verdict};
use crate::scenario::{RunId, Scenario};
use crate::suite::result::{CaseComparison, RunResult, ScenarioFile, ScenarioResult};

/// Maximum number of runs that a note lists by name.
const NAMED: usize = 5;

/// The results so far.
#[derive(Debug, Default)]
pub(super) struct GroupedResults {
    scenarios: Vec<(Arc<ScenarioFile>, BTreeMap<usize, RunResult>)>,
}

impl GroupedResults {
    /// Adds the result of a run to the first scenario of its file that lacks that run.
    pub(super) fn add(&mut self, place: RunInFile, result: RunResult) {
        let RunInFile { file, at } = place;
        let repetition = result.spec.id.repetition;
        let open = self.scenarios.iter_mut().find(|(other, runs)| {
            Arc::ptr_eq(other, &file)
                && !runs.contains_key(&at)
                && runs
                    .values()
                    .all(|run| run.spec.id.repetition == repetition)
        });
        match open {
            Some((_, runs)) => {
                runs.insert(at, result);
            }
            None => self.scenarios.push((file, BTreeMap::from([(at, result)]))),
        }
    }

    /// Returns everything that was added, with notes on missing runs.
    pub(super) fn finish(self) -> Replayed {
        let mut replayed = Replayed::default();
        for (file, runs) in self.scenarios {
            let missing: Vec<&RunId> = (0..)
                .zip(&file.scenario.runs)
                .filter(|(at, _)| !runs.contains_key(at))
                .map(|(_, run)| &run.id)
                .collect();
            if !missing.is_empty() {
                replayed.notes.push(note(&file.label, &missing));
            }
            let runs: Vec<RunResult> = runs.into_values().collect();
            let compare = compare(&file.scenario, &runs);
            replayed.result.took += runs.iter().map(|run| run.took).sum::<Duration>();
            replayed.result.interrupted |= runs.iter().any(was_interrupted);
            replayed.result.scenarios.push(Arc::new(ScenarioResult {
                file,
                runs,
                compare,
                kernel: None,
            }));
        }
        replayed
    }
}

fn note(label: &str, missing: &[&RunId]) -> String {
    let named: Vec<String> = missing
        .iter()
        .take(NAMED)
        .map(ToString::to_string)
        .collect();
    let more = match missing.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{label}: no record of {}{more}", named.join("; "))
}

fn was_interrupted(run: &RunResult) -> bool {
    match run.timeline.end {
        Some(RunEnd::Finished { interrupted, .. }) => interrupted,
        Some(RunEnd::NotApplicable(_) | RunEnd::Errored(_)) | None => false,
    }
}

/// Judges `compare:` in each recorded matrix case. A comparison whose runs are missing is skipped.
fn compare(scenario: &Scenario, runs: &[RunResult]) -> Vec<CaseComparison> {
    if scenario.compare.is_empty() {
        return Vec::new();
    }
    let mut cases: Vec<&Vec<(String, String)>> = Vec::new();
    for run in runs {
        if !cases.contains(&&run.spec.id.case) {
            cases.push(&run.spec.id.case);
        }
    }
    let judge = |case: &Vec<(String, String)>| {
        let of_case = runs.iter().filter(|run| run.spec.id.case == *case);
        let variants: BTreeMap<_, _> = of_case
            .filter_map(|run| {
                let variant = run.spec.id.variant.clone()?;
                Some((variant, (&run.timeline, run.verdict.outcome)))
            })
            .collect();
        let missing: BTreeSet<&str> = scenario
            .runs
            .iter()
            .filter_map(|run| run.id.variant.as_deref())
            .filter(|variant| !variants.contains_key(*variant))
            .collect();
        let verdicts = expect::compare(&scenario.compare, &variants);
        CaseComparison {
            case: case.clone(),
            verdicts: verdicts
                .into_iter()
                .map(|verdict| explained(verdict, &missing))
                .collect(),
        }
    };
    cases.into_iter().map(judge).collect()
}

/// A variant without a record may have run all the same.
fn explained(verdict: Verdict, missing: &BTreeSet<&str>) -> Verdict {
    if verdict.outcome != Outcome::Skipped || missing.is_empty() {
        return verdict;
    }
    let named: Vec<String> = missing
        .iter()
        .map(|variant| format!("`{variant}`"))
        .collect();
    let reason = format!("no record of {}", named.join(", "));
    Verdict {
        reason: Some(reason),
        ..verdict
    }
}
