//! The results of runs, scenarios and suites.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::record::{Outcome, RunVerdict, Timeline, Verdict};
use crate::scenario::{RunId, RunSpec, Scenario};

/// A scenario and its text.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ScenarioFile {
    /// The path as the user gave it, or the name of a shipped one.
    pub label: String,
    pub text: String,
    /// Parameters that the command line set.
    pub set: BTreeMap<String, String>,
    /// The scenario as resolved.
    pub scenario: Scenario,
}

/// The result of one run.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RunResult {
    /// The run as specified.
    pub spec: RunSpec,
    pub timeline: Timeline,
    pub verdict: RunVerdict,
    /// The time from start to end of its worker.
    pub took: Duration,
    /// The last lines of the worker's standard error if it died.
    pub last_words: Vec<String>,
    /// The path of its record if it was kept, or the reason why it could not be.
    pub record: Result<Option<PathBuf>, String>,
    /// The path of its capture if it was kept, or the reason why it could not be.
    pub capture: Result<Option<PathBuf>, String>,
    /// Earlier attempts, if it was retried.
    pub earlier: Vec<EarlierAttempt>,
}

impl RunResult {
    /// The result of a run's only attempt, of which nothing is kept on disk.
    pub fn new(spec: RunSpec, timeline: Timeline, verdict: RunVerdict, took: Duration) -> Self {
        Self {
            spec,
            timeline,
            verdict,
            took,
            last_words: Vec::new(),
            record: Ok(None),
            capture: Ok(None),
            earlier: Vec::new(),
        }
    }
}

/// An attempt at a run that was followed by another.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EarlierAttempt {
    pub outcome: Outcome,
    /// The reason, in one sentence.
    pub reason: String,
    /// The time from start to end of its worker.
    pub took: Duration,
    /// The path of its record if it was kept.
    pub record: Option<PathBuf>,
}

/// The result of `compare:` in one matrix case.
#[derive(Debug, Clone)]
pub struct CaseComparison {
    /// The parameters of the case; empty if the scenario has no matrix.
    pub case: Vec<(String, String)>,
    /// The verdict of each comparison.
    pub verdicts: Vec<Verdict>,
}

/// The result of a scenario.
#[derive(Debug, Clone)]
pub struct ScenarioResult {
    /// The scenario with its text.
    pub file: Arc<ScenarioFile>,
    /// Its runs, in the order of the file.
    pub runs: Vec<RunResult>,
    /// The results of its comparisons.
    pub compare: Vec<CaseComparison>,
    /// The name of the kernel that it ran on, if a suite ran on several.
    pub kernel: Option<String>,
}

impl ScenarioResult {
    /// Returns the worst outcome of its parts. A comparison that was skipped because a run is
    /// missing does not count.
    pub fn outcome(&self) -> Outcome {
        let runs = self.runs.iter().map(|run| run.verdict.outcome);
        let compare = self
            .compare
            .iter()
            .flat_map(|case| &case.verdicts)
            .map(|verdict| verdict.outcome)
            .filter(|outcome| *outcome != Outcome::Skipped);
        runs.chain(compare).max().unwrap_or(Outcome::Skipped)
    }
}

/// The result of a suite.
#[derive(Debug, Clone, Default)]
pub struct SuiteResult {
    /// The scenarios, in the order in which they were given.
    pub scenarios: Vec<Arc<ScenarioResult>>,
    /// The time from start to end.
    pub took: Duration,
    /// True if it was interrupted before its end.
    pub interrupted: bool,
    /// Runs that did not start: the suite was interrupted, or stopped at the first failure.
    pub not_run: Vec<(Arc<ScenarioFile>, RunId)>,
}

impl SuiteResult {
    /// Combines the results of one suite on several kernels; the kernel's name is added to titles
    /// unless it is empty.
    pub fn together(results: Vec<(String, Self)>) -> Self {
        let mut all = Self::default();
        for (kernel, mut result) in results {
            if !kernel.is_empty() {
                for scenario in &mut result.scenarios {
                    let scenario = Arc::make_mut(scenario);
                    scenario.kernel = Some(kernel.clone());
                    let file = Arc::make_mut(&mut scenario.file);
                    let scenario = &mut file.scenario;
                    scenario.title = format!("{} [{kernel}]", scenario.title);
                }
            }
            all.scenarios.extend(result.scenarios);
            all.not_run.extend(result.not_run);
            all.took += result.took;
            all.interrupted |= result.interrupted;
        }
        all
    }

    /// Returns the worst outcome of its parts; nothing has passed if nothing ran, as in an empty shard.
    pub fn outcome(&self) -> Outcome {
        self.scenarios
            .iter()
            .map(|scenario| scenario.outcome())
            .max()
            .unwrap_or(Outcome::Skipped)
    }
}
