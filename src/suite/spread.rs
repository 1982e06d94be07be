//! The spread of verdicts and observed values over repeated runs: a function of results.

use std::sync::Arc;

use indexmap::IndexMap;

use super::result::{RunResult, ScenarioFile, SuiteResult};
use crate::record::{Observation, Outcome};
use crate::scenario::RunId;

/// The repetitions of one run.
#[derive(Debug, Clone)]
pub struct Spread {
    /// The scenario of the run.
    pub file: Arc<ScenarioFile>,
    /// The run, without its repetition.
    pub run: RunId,
    /// The number of repetitions with each outcome, best first.
    pub outcomes: Vec<(Outcome, usize)>,
    /// The quantities that expectations name, each once.
    pub quantities: Vec<QuantitySpread>,
}

/// The values of a quantity in the repetitions of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantitySpread {
    /// The quantity, as written.
    pub quantity: String,
    /// The number of repetitions that observed a number.
    pub count: usize,
    /// Its least, its median (the lower of two) and its greatest value, formatted.
    pub shown: [String; 3],
    /// The same values in the base unit.
    pub values: [f64; 3],
}

/// A run's scenario, and its repetitions.
type Group<'a> = (Arc<ScenarioFile>, Vec<&'a RunResult>);

impl SuiteResult {
    /// Returns the spread of each repeated run, in the order of the files.
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
        // A quantity may be in several expectations; its value in the first is enough.
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
