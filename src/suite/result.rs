//! What came out of a run, a scenario, a suite.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::record::{Outcome, RunVerdict, Timeline, Verdict};
use crate::scenario::{RunId, RunSpec, Scenario};

/// A scenario with the text that it was read from.
#[derive(Debug, Clone)]
pub struct ScenarioFile {
    /// The path as the user gave it, or the name of a shipped one.
    pub label: String,
    /// The file's text.
    pub text: String,
    /// Parameters that the command line set.
    pub set: BTreeMap<String, String>,
    /// What it means.
    pub scenario: Scenario,
}

/// What came out of one run.
#[derive(Debug, Clone)]
pub struct RunResult {
    /// The run.
    pub spec: RunSpec,
    /// What it told.
    pub timeline: Timeline,
    /// How it was judged.
    pub verdict: RunVerdict,
    /// From start to end of its worker.
    pub took: Duration,
    /// The last lines of the worker's standard error, where it died.
    pub last_words: Vec<String>,
    /// Where its record was kept, if it was; or why it could not be.
    pub record: Result<Option<PathBuf>, String>,
    /// Where its packets were kept, if they were; or why they could not be.
    pub capture: Result<Option<PathBuf>, String>,
    /// Attempts before this one, where it was tried again.
    pub earlier: Vec<Attempt>,
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

/// An attempt at a run that another one followed.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// How it came out.
    pub outcome: Outcome,
    /// Why, in a sentence.
    pub reason: String,
    /// From start to end of its worker.
    pub took: Duration,
    /// Where its record was kept, if it was.
    pub record: Option<PathBuf>,
}

/// What `compare:` came to in one matrix case.
#[derive(Debug, Clone)]
pub struct CaseComparison {
    /// Parameters of the case; empty where the scenario has no matrix.
    pub case: Vec<(String, String)>,
    /// Each comparison's verdict.
    pub verdicts: Vec<Verdict>,
}

/// What came out of a scenario.
#[derive(Debug, Clone)]
pub struct ScenarioResult {
    /// The scenario.
    pub file: Arc<ScenarioFile>,
    /// Its runs, in the order of the file.
    pub runs: Vec<RunResult>,
    /// Its comparisons.
    pub compare: Vec<CaseComparison>,
}

impl ScenarioResult {
    /// The greatest of its parts; a comparison that lacks a run says nothing of those that are there.
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

/// What came out of a suite.
#[derive(Debug, Clone, Default)]
pub struct SuiteResult {
    /// Its scenarios, in the order they were given.
    pub scenarios: Vec<Arc<ScenarioResult>>,
    /// From start to end.
    pub took: Duration,
    /// Whether it was interrupted before its end.
    pub interrupted: bool,
    /// Runs that were not begun: it was interrupted, or had to stop at the first that failed.
    pub not_run: Vec<(Arc<ScenarioFile>, RunId)>,
}

impl SuiteResult {
    /// The results of one suite on several kernels, as one: titles tell the kernels apart. Those without a name stay as they are.
    pub fn together(results: Vec<(String, Self)>) -> Self {
        let mut all = Self::default();
        for (kernel, mut result) in results {
            if !kernel.is_empty() {
                for scenario in &mut result.scenarios {
                    let scenario = Arc::make_mut(scenario);
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

    /// The greatest of its parts.
    pub fn outcome(&self) -> Outcome {
        self.scenarios
            .iter()
            .map(|scenario| scenario.outcome())
            .max()
            .unwrap_or(Outcome::Passed)
    }
}
