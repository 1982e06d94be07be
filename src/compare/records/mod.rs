//! Compares two recordings of the same scenario: verdicts, measurements, and the environment they ran in.
//!
//! Two suites' results in, differences out, as data; `report::diff` renders them.

mod environment;
mod metrics;
mod pairs;
mod verdicts;

use std::path::PathBuf;

use thiserror::Error;

pub use environment::{EnvironmentChange, LoadChange, SysctlChange};
pub use metrics::{MetricChange, MetricValue};
pub use verdicts::VerdictChange;

use crate::record::Outcome;
use crate::scenario::{Difference, RunId, differences};
use crate::suite::{RunResult, SuiteResult};

/// The same of both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair<T> {
    /// In the first that was named.
    pub a: T,
    /// In the second.
    pub b: T,
}

impl<T: PartialEq> Pair<T> {
    /// Whether both are alike.
    pub fn is_same(&self) -> bool {
        self.a == self.b
    }
}

/// What is different in two suites.
#[derive(Debug, Clone, PartialEq)]
pub struct SuiteDiff {
    /// Each run that both have, in the order of the first.
    pub runs: Vec<RunDiff>,
    /// Comparisons between variants that came out otherwise.
    pub compare: Vec<(RunId, VerdictChange)>,
    /// Runs that only one has.
    pub only: Pair<Vec<RunId>>,
}

/// What is different in two recordings of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunDiff {
    /// Which run; two variants of one scenario can be compared too.
    pub id: Pair<RunId>,
    /// Their records.
    pub record: Pair<Option<PathBuf>>,
    /// How it came out.
    pub outcome: Pair<Outcome>,
    /// Why, where no expectation says it.
    pub reason: Pair<Option<String>>,
    /// Expectations that came out otherwise, or that only one has.
    pub verdicts: Vec<VerdictChange>,
    /// How many expectations there are, of both together.
    pub judged: usize,
    /// What moved beyond noise: what expectations name first, then what moved most.
    pub metrics: Vec<MetricChange>,
    /// How many measures were compared.
    pub measured: usize,
    /// Loads that were offered or achieved otherwise.
    pub loads: Vec<LoadChange>,
    /// Settings of nodes that are different.
    pub sysctls: Vec<SysctlChange>,
    /// Kernel, machine, program and what they did for the lab.
    pub environment: Vec<EnvironmentChange>,
    /// What the scenario itself builds or does otherwise.
    pub scenario: Vec<Difference>,
}

impl RunDiff {
    /// What is different in two results.
    pub fn of(a: &RunResult, b: &RunResult) -> Self {
        let both = Pair { a, b };
        let (verdicts, judged) = verdicts::changed(&a.verdict.verdicts, &b.verdict.verdicts);
        let (metrics, measured) = metrics::moved(both);
        Self {
            id: pair(both, |run| run.spec.id.clone()),
            record: pair(both, |run| run.record.clone().unwrap_or_default()),
            outcome: pair(both, |run| run.verdict.outcome),
            reason: pair(both, |run| run.verdict.reason.clone()),
            verdicts,
            judged,
            metrics,
            measured,
            loads: environment::loads(both),
            sysctls: environment::sysctls(both),
            environment: environment::environment(both),
            scenario: differences(&a.spec, &b.spec),
        }
    }

    /// Whether run and expectations came out alike.
    pub fn is_same_verdict(&self) -> bool {
        self.outcome.is_same() && self.verdicts.is_empty()
    }
}

fn pair<T>(both: Pair<&RunResult>, of: impl Fn(&RunResult) -> T) -> Pair<T> {
    Pair {
        a: of(both.a),
        b: of(both.b),
    }
}

/// Why two suites cannot be compared.
#[derive(Debug, Error)]
pub enum DiffError {
    /// They have no run in common.
    #[error(
        "they have no run in common: the first is of {}, the second of {}",
        named(a),
        named(b)
    )]
    NothingInCommon {
        /// Runs of the first.
        a: Vec<RunId>,
        /// Runs of the second.
        b: Vec<RunId>,
    },
}

/// Runs that a message names before it only counts.
const NAMED: usize = 5;

fn named(runs: &[RunId]) -> String {
    let names: Vec<String> = runs
        .iter()
        .take(NAMED)
        .map(|id| format!("`{id}`"))
        .collect();
    match runs.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

impl SuiteDiff {
    /// Compares two suites run by run: those of the same scenario, variant and case; where each has just one, and of the
    /// same scenario, these two.
    ///
    /// # Errors
    /// Where they have no run in common.
    pub fn of(a: &SuiteResult, b: &SuiteResult) -> Result<Self, DiffError> {
        let paired = pairs::runs(Pair { a, b });
        if paired.both.is_empty() {
            let Pair { a, b } = paired.only;
            return Err(DiffError::NothingInCommon { a, b });
        }
        Ok(Self {
            runs: paired
                .both
                .iter()
                .map(|both| RunDiff::of(both.a, both.b))
                .collect(),
            compare: pairs::comparisons(Pair { a, b }),
            only: paired.only,
        })
    }

    /// Whether everything that was judged came out alike, and nothing was judged in only one of them.
    pub fn is_same_verdict(&self) -> bool {
        self.runs.iter().all(RunDiff::is_same_verdict)
            && self.compare.is_empty()
            && self.only.a.is_empty()
            && self.only.b.is_empty()
    }
}
