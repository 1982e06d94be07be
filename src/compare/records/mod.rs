//! Compares two recordings of the same scenario: verdicts, measurements, and the environment they ran in.
//!
//! The input is the results of two suites, and the output is their differences as data; `report::diff` renders them.

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

/// A value of each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair<T> {
    /// The value in the recording that was named first.
    pub a: T,
    /// The value in the second recording.
    pub b: T,
}

impl<T: PartialEq> Pair<T> {
    /// Returns whether both are equal.
    pub fn is_same(&self) -> bool {
        self.a == self.b
    }
}

/// The differences between two suites.
#[derive(Debug, Clone, PartialEq)]
pub struct SuiteDiff {
    /// Runs that both have, in the order of the first suite.
    pub runs: Vec<RunDiff>,
    /// Comparisons between variants with a different outcome.
    pub compare: Vec<(RunId, VerdictChange)>,
    /// Runs that only one suite has.
    pub only: Pair<Vec<RunId>>,
}

/// The differences between two recordings of a run.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RunDiff {
    /// The runs; they can be two variants of one scenario.
    pub id: Pair<RunId>,
    /// Paths of their records.
    pub record: Pair<Option<PathBuf>>,
    pub outcome: Pair<Outcome>,
    /// The reason, if no expectation gives it.
    pub reason: Pair<Option<String>>,
    /// Expectations with a different outcome, or that only one side has.
    pub verdicts: Vec<VerdictChange>,
    /// Number of expectations of both sides together.
    pub judged: usize,
    /// Measures that moved beyond noise: those that expectations name first, then by size.
    pub metrics: Vec<MetricChange>,
    /// Number of measures that were compared.
    pub measured: usize,
    /// Clients whose offered or achieved load differs.
    pub loads: Vec<LoadChange>,
    /// Sysctls of nodes that differ.
    pub sysctls: Vec<SysctlChange>,
    /// Differences of kernel, machine, program, and of what they did for the lab.
    pub environment: Vec<EnvironmentChange>,
    /// Differences of the scenario itself.
    pub scenario: Vec<Difference>,
}

impl RunDiff {
    /// Compares two recorded runs, `a` with `b`.
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

    /// Returns whether the run and its expectations have the same outcome.
    pub fn is_same_verdict(&self) -> bool {
        self.outcome.is_same() && self.verdicts.is_empty()
    }

    /// Returns whether the outcomes are the same and no measure that an expectation names has moved.
    pub fn is_same_in_key(&self) -> bool {
        self.is_same_verdict() && self.key_metrics().next().is_none()
    }

    /// Returns the measures that moved and that an expectation names.
    pub fn key_metrics(&self) -> impl Iterator<Item = &MetricChange> {
        self.metrics.iter().filter(|metric| metric.expected)
    }
}

fn pair<T>(both: Pair<&RunResult>, of: impl Fn(&RunResult) -> T) -> Pair<T> {
    Pair {
        a: of(both.a),
        b: of(both.b),
    }
}

/// The error when two suites cannot be compared.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the names say it")]
pub enum DiffError {
    #[error(
        "they have no runs in common: the first has {}, the second has {}",
        named(a),
        named(b)
    )]
    NothingInCommon { a: Vec<RunId>, b: Vec<RunId> },
}

/// Runs that a message lists before it only counts the rest.
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
    /// Compares two suites run by run, matched by scenario, variant and case. If each has a single run of the same
    /// scenario, these two are compared.
    ///
    /// # Errors
    /// If they have no runs in common.
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

    /// Returns whether all outcomes are the same, and no measure that an expectation names has moved.
    pub fn is_same_in_key(&self) -> bool {
        self.is_same_verdict() && self.runs.iter().all(RunDiff::is_same_in_key)
    }

    /// Leaves out runs that are the same in everything that an expectation names.
    #[must_use]
    pub fn without_same(mut self) -> Self {
        self.runs.retain(|run| !run.is_same_in_key());
        self
    }

    /// Returns whether all outcomes are the same, and nothing was judged in only one of the suites.
    pub fn is_same_verdict(&self) -> bool {
        self.runs.iter().all(RunDiff::is_same_verdict)
            && self.compare.is_empty()
            && self.only.a.is_empty()
            && self.only.b.is_empty()
    }
}
