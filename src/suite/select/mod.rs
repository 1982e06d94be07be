//! Selects runs: by tag, variant, filter, shard, or because they did not pass last time.

mod check;
mod filter;
mod pattern;
mod shard;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

pub(crate) use check::SelectError;
pub(crate) use filter::Filter;
pub use shard::Shard;

pub(super) use pattern::{Pattern, is_glob};

use super::failed_runs::FailedRuns;
use super::identity::SuiteIdentity;
use super::result::ScenarioFile;
use crate::scenario::RunSpec;
use filter::{Field, Leaf, Term};

/// The tag of scenarios that are excluded by default.
const SLOW: &str = "slow";

/// A selection of runs.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Select scenarios with one of these tags; if empty, all but `slow` ones.
    pub tags: Vec<String>,
    /// Select these variants; if empty, all.
    pub variants: Vec<String>,
    /// Include scenarios tagged `slow`.
    pub slow: bool,
    /// Select the runs that match this filter.
    pub filter: Option<Filter>,
    /// Select this shard of the remaining runs.
    pub shard: Option<Shard>,
    /// Select these runs, which did not pass.
    pub failed: Option<FailedRuns>,
}

/// The selected runs, grouped by scenario.
#[derive(Debug, Clone)]
pub struct Selected {
    /// The scenarios with their selected runs; empty if a shard has none.
    pub files: Vec<Arc<ScenarioFile>>,
    /// The identity that all shards of the suite share, and the number of this one.
    pub identity: SuiteIdentity,
    /// Scenarios that are excluded only because they are tagged `slow`.
    pub slow: Vec<String>,
}

impl Selection {
    /// Returns the runs of these files that are selected.
    ///
    /// # Errors
    /// Fails for names that match nothing and if no run is selected.
    pub fn of(&self, mut files: Vec<Arc<ScenarioFile>>) -> Result<Selected, Vec<SelectError>> {
        let unknown = check::unknown(self, &files);
        if !unknown.is_empty() {
            return Err(unknown);
        }
        if let Some(failed) = &self.failed {
            let changed = failed.with_other_parameters(&files);
            if !changed.is_empty() {
                return Err(changed);
            }
        }
        retain(&mut files, |file, run| self.takes(file, run));
        let (fast, slow): (Vec<_>, Vec<_>) = files
            .into_iter()
            .partition(|file| self.takes_slow() || !is_slow(file));
        let mut files = fast;
        if files.is_empty() {
            return Err(vec![SelectError::Nothing { by: self.named() }]);
        }
        let shard = self.shard.unwrap_or(Shard::WHOLE);
        let identity = SuiteIdentity::of(&files, shard);
        retain(&mut files, |file, run| shard.has(&file.scenario, &run.id));
        let slow = slow.iter().map(|file| file.label.clone()).collect();
        Ok(Selected {
            files,
            identity,
            slow,
        })
    }

    /// Returns true if scenarios tagged `slow` are included.
    fn takes_slow(&self) -> bool {
        let filter = self.filter.as_ref();
        self.slow
            || self.failed.is_some()
            || self.tags.iter().any(|tag| tag == SLOW)
            || filter.is_some_and(|filter| speaks_of_slow(&filter.term))
    }

    fn takes(&self, file: &ScenarioFile, run: &RunSpec) -> bool {
        let tags = &file.scenario.tags;
        let tagged = self.tags.is_empty() || tags.iter().any(|tag| self.tags.contains(tag));
        let variant = run.id.variant.as_ref();
        let of_variant = self.variants.is_empty()
            || variant.is_some_and(|variant| self.variants.contains(variant));
        let (filter, failed) = (self.filter.as_ref(), self.failed.as_ref());
        tagged
            && of_variant
            && filter.is_none_or(|filter| holds(&filter.term, file, run))
            && failed.is_none_or(|failed| failed.has(file, &run.id))
    }

    /// Returns the options that exclude runs, as on the command line.
    fn named(&self) -> Vec<String> {
        let tags = self.tags.iter().map(|tag| format!("--tag {tag}"));
        let variants = self
            .variants
            .iter()
            .map(|variant| format!("--variant {variant}"));
        let filter = self
            .filter
            .iter()
            .map(|filter| format!("-E '{}'", filter.text));
        let failed = self.failed.iter().map(|_| "--rerun-failed".to_owned());
        let slow = (!self.takes_slow())
            .then(|| "the default exclusion of `slow` (--slow includes those too)".to_owned());
        tags.chain(variants)
            .chain(filter)
            .chain(failed)
            .chain(slow)
            .collect()
    }
}

fn is_slow(file: &ScenarioFile) -> bool {
    file.scenario.tags.iter().any(|tag| tag == SLOW)
}

/// Keeps the selected runs, and the comparisons whose variants all remain.
fn retain(files: &mut Vec<Arc<ScenarioFile>>, wants: impl Fn(&ScenarioFile, &RunSpec) -> bool) {
    for file in files.iter_mut() {
        let wanted: Vec<bool> = file
            .scenario
            .runs
            .iter()
            .map(|run| wants(file, run))
            .collect();
        if wanted.iter().all(|wanted| *wanted) {
            continue;
        }
        let scenario = &mut Arc::make_mut(file).scenario;
        let mut each = wanted.into_iter();
        scenario.runs.retain(|_| each.next().unwrap_or(false));
        let runs = &scenario.runs;
        scenario.compare.retain(|comparison| {
            let metrics = comparison.metrics();
            let mut variants = metrics
                .iter()
                .filter_map(|metric| metric.variant.as_deref());
            variants.all(|variant| {
                runs.iter()
                    .any(|run| run.id.variant.as_deref() == Some(variant))
            })
        });
    }
    files.retain(|file| !file.scenario.runs.is_empty());
}

fn holds(term: &Term, file: &ScenarioFile, run: &RunSpec) -> bool {
    match term {
        Term::All => true,
        Term::None => false,
        Term::Not(inner) => !holds(inner, file, run),
        Term::And(parts) => parts.iter().all(|part| holds(part, file, run)),
        Term::Or(parts) => parts.iter().any(|part| holds(part, file, run)),
        Term::Is(leaf) => is(leaf, file, run),
    }
}

fn is(leaf: &Leaf, file: &ScenarioFile, run: &RunSpec) -> bool {
    let matches = |name: &str| leaf.pattern.matches(name);
    match leaf.field {
        Field::Name => matches(&file.scenario.name),
        Field::File => is_file(leaf, file),
        Field::Tag => file.scenario.tags.iter().any(|tag| matches(tag)),
        Field::Variant => run.id.variant.as_deref().is_some_and(matches),
        Field::Case => {
            let mut each = run.id.case.iter();
            each.any(|(name, value)| matches(&format!("{name}={value}")))
        }
    }
}

/// Matches a file's path from any of its folders on, with or without extension.
fn is_file(leaf: &Leaf, file: &ScenarioFile) -> bool {
    let short = Path::new(&file.label).with_extension("");
    let short = short.to_string_lossy();
    let from = |path: &str| {
        let starts = path.match_indices('/').map(|(at, _)| at + 1);
        std::iter::once(0)
            .chain(starts)
            .any(|start| leaf.pattern.matches(&path[start..]))
    };
    from(&file.label) || from(&short)
}

fn speaks_of_slow(term: &Term) -> bool {
    match term {
        Term::All | Term::None => false,
        Term::Not(inner) => speaks_of_slow(inner),
        Term::And(parts) | Term::Or(parts) => parts.iter().any(speaks_of_slow),
        Term::Is(leaf) => leaf.field == Field::Tag && leaf.pattern.exact() == Some(SLOW),
    }
}
