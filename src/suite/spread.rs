//! How far verdicts and observed values spread where runs were repeated: a function of results.

use std::sync::Arc;

use indexmap::IndexMap;

use super::result::{RunResult, ScenarioFile, SuiteResult};
use crate::record::{Observation, Outcome};
use crate::scenario::RunId;

/// What the repetitions of one run came to.
#[derive(Debug, Clone)]
pub struct Spread {
    /// Its scenario.
    pub file: Arc<ScenarioFile>,
    /// Which run of it, without repetition.
    pub run: RunId,
    /// How often it came out how, best first.
    pub outcomes: Vec<(Outcome, usize)>,
    /// Each quantity that expectations name, once.
    pub quantities: Vec<QuantitySpread>,
}

/// What a quantity was in the repetitions of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantitySpread {
    /// The quantity, as written.
    pub quantity: String,
    /// Repetitions that observed a number.
    pub count: usize,
    /// Its least, its median (the lower of two) and its greatest value, as people read them.
    pub shown: [String; 3],
    /// The same in the base of the unit.
    pub values: [f64; 3],
}

/// A run's scenario, and its repetitions.
type Group<'a> = (Arc<ScenarioFile>, Vec<&'a RunResult>);

impl SuiteResult {
    /// The spread of each run that was repeated, in the order of the files.
    pub fn spreads(&self) -> Vec<Spread> {
        let mut groups: IndexMap<(String, RunId), Group<'_>> = IndexMap::new();
        for scenario in &self.scenarios {
            for run in &scenario.runs {
                if run.spec.id.repetition.is_none() {
                    continue;
                }
                let id = RunId {
                    repetition: None,
                    ..run.spec.id.clone()
                };
                let key = (scenario.file.label.clone(), id);
                let new = || (Arc::clone(&scenario.file), Vec::new());
                groups.entry(key).or_insert_with(new).1.push(run);
            }
        }
        let spread = |((_, run), (file, runs)): ((String, RunId), Group<'_>)| Spread {
            file,
            run,
            outcomes: outcomes(&runs),
            quantities: quantities(&runs),
        };
        groups.into_iter().map(spread).collect()
    }
}

fn outcomes(runs: &[&RunResult]) -> Vec<(Outcome, usize)> {
    let mut counted = std::collections::BTreeMap::new();
    for run in runs {
        *counted.entry(run.verdict.outcome).or_insert(0) += 1;
    }
    counted.into_iter().collect()
}

fn quantities(runs: &[&RunResult]) -> Vec<QuantitySpread> {
    let mut seen: IndexMap<&str, Vec<(f64, &str)>> = IndexMap::new();
    for run in runs {
        // One quantity may be in several expectations; what it was at the end of the first is enough.
        let mut of_run: IndexMap<&str, (f64, &str)> = IndexMap::new();
        let observed = run
            .verdict
            .verdicts
            .iter()
            .flat_map(|verdict| &verdict.observed);
        for Observation {
            quantity,
            value,
            number,
        } in observed
        {
            if let Some(number) = number {
                of_run.entry(quantity).or_insert((*number, value));
            }
        }
        for (quantity, value) in of_run {
            seen.entry(quantity).or_default().push(value);
        }
    }
    let spread = |(quantity, mut values): (&str, Vec<(f64, &str)>)| {
        values.sort_by(|one, other| one.0.total_cmp(&other.0));
        let last = values.len().checked_sub(1)?;
        let of_three = [0, last / 2, last].map(|at| values[at]);
        Some(QuantitySpread {
            quantity: quantity.to_owned(),
            count: values.len(),
            shown: of_three.map(|(_, shown)| shown.to_owned()),
            values: of_three.map(|(value, _)| value),
        })
    };
    seen.into_iter().filter_map(spread).collect()
}
