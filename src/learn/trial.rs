//! Runs the variants of a lesson, and a student's fix, through the suite.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::course::LessonFile;
use super::finding::{Finding, find_answer};
use crate::expect::Answers;
use crate::record::Outcome;
use crate::scenario::RunSpec;
use crate::scenario::lesson::Prediction;
use crate::suite::{self, Options, RunResult, ScenarioFile, SuiteEvent};

/// The way in which a lesson runs.
#[derive(Debug)]
pub struct TrialSetup<'a> {
    /// Options of the suite.
    pub options: &'a Options,
    /// Becomes true when the lesson is to end.
    pub stop: watch::Receiver<bool>,
}

/// The results of the variants that one step of a lesson runs.
#[derive(Debug, Clone)]
pub struct LessonResults {
    /// The variants in the order of the step, each with its run.
    pub runs: Vec<(Option<String>, RunResult)>,
}

impl LessonResults {
    /// Returns the reason why the runs answer nothing, if they do not.
    pub fn problem(&self) -> Option<String> {
        self.runs.iter().find_map(|(_, run)| {
            let outcome = run.verdict.outcome;
            match outcome {
                Outcome::Passed | Outcome::Flaky | Outcome::Failed => None,
                Outcome::Skipped
                | Outcome::NotApplicable
                | Outcome::Inconclusive
                | Outcome::Errored => Some(match &run.verdict.reason {
                    Some(reason) => format!("{outcome}: {reason}"),
                    None => outcome.to_string(),
                }),
            }
        })
    }

    /// Returns the expectations of the lesson that this kernel did not meet.
    pub fn surprises(&self) -> Vec<String> {
        let verdicts = self.runs.iter().flat_map(|(_, run)| &run.verdict.verdicts);
        let failed = verdicts.filter(|verdict| verdict.outcome == Outcome::Failed);
        failed.map(|verdict| verdict.text.clone()).collect()
    }

    /// Answers a question.
    ///
    /// # Errors
    /// The reason why these runs do not answer it.
    pub fn answer(&self, prediction: &Prediction) -> Result<Finding, String> {
        if let Some(problem) = self.problem() {
            return Err(problem);
        }
        let answers = match self.runs.as_slice() {
            [] => return Err("nothing was run".to_owned()),
            [(_, only)] => Answers::of_run(&only.timeline),
            several => {
                let named = several
                    .iter()
                    .filter_map(|(variant, run)| Some((variant.as_deref()?, &run.timeline)));
                Answers::of_variants(named.collect::<BTreeMap<_, _>>())
            }
        };
        find_answer(prediction, &answers)
    }
}

/// Runs variants of a lesson. Returns `None` if it was interrupted.
pub async fn run_variants(
    lesson: &LessonFile,
    variants: &[Option<String>],
    setup: &TrialSetup<'_>,
    emit: impl FnMut(SuiteEvent<'_>),
) -> Option<LessonResults> {
    let specs = lesson.file.scenario.runs.iter();
    let wanted = specs.filter(|spec| variants.contains(&spec.id.variant));
    let results = run_specs(lesson, wanted.cloned().collect(), setup, emit).await?;
    let of = |variant: &Option<String>| {
        let found = results.iter().find(|run| run.spec.id.variant == *variant);
        found.map(|run| (variant.clone(), run.clone()))
    };
    Some(LessonResults {
        runs: variants.iter().filter_map(of).collect(),
    })
}

/// Runs a student's values. Returns `None` if it was interrupted.
pub async fn run_fix(
    lesson: &LessonFile,
    spec: RunSpec,
    setup: &TrialSetup<'_>,
    emit: impl FnMut(SuiteEvent<'_>),
) -> Option<RunResult> {
    run_specs(lesson, vec![spec], setup, emit).await?.pop()
}

async fn run_specs(
    lesson: &LessonFile,
    specs: Vec<RunSpec>,
    setup: &TrialSetup<'_>,
    emit: impl FnMut(SuiteEvent<'_>),
) -> Option<Vec<RunResult>> {
    let mut file = ScenarioFile::clone(&lesson.file);
    file.scenario.runs = specs;
    file.scenario.compare.clear();
    let suite = suite::run_suite(
        vec![Arc::new(file)],
        setup.options,
        setup.stop.clone(),
        emit,
    )
    .await;
    if suite.interrupted {
        return None;
    }
    let results = suite.scenarios.into_iter().next()?;
    Some(results.runs.clone())
}
