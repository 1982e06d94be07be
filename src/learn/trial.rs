//! Runs the variants of a lesson, and a student's fix, through the suite.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::course::LessonFile;
use super::finding::{Finding, find_answer};
use crate::expect::Answers;
use crate::record::{Environment, Outcome};
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

/// All runs of a lesson.
#[derive(Debug, Clone, Default)]
pub struct AllRuns {
    runs: Vec<RunResult>,
}

impl AllRuns {
    /// Returns the results of some variants.
    pub fn of(&self, variants: &[Option<String>]) -> LessonResults {
        let of = |variant: &Option<String>| {
            let found = self.runs.iter().find(|run| run.spec.id.variant == *variant);
            found.map(|run| (variant.clone(), run.clone()))
        };
        LessonResults {
            runs: variants.iter().filter_map(of).collect(),
        }
    }

    /// Returns the environment of the first run.
    pub(super) fn environment(&self) -> Option<&Environment> {
        self.runs
            .iter()
            .find_map(|run| run.timeline.environment.as_ref())
    }
}

/// Runs variants of a lesson. Returns `None` if it was interrupted.
pub async fn run_variants(
    lesson: &LessonFile,
    variants: &[Option<String>],
    setup: &TrialSetup<'_>,
    emit: impl FnMut(SuiteEvent<'_>),
) -> Option<LessonResults> {
    let all = run_all(vec![(lesson, specs_of(lesson, variants))], setup, emit).await?;
    let runs = all.into_iter().next()?;
    Some(AllRuns { runs }.of(variants))
}

/// Runs everything that some lessons run, several at once. Returns `None` if it was interrupted.
pub async fn run_lessons(
    lessons: &[LessonFile],
    setup: &TrialSetup<'_>,
    emit: impl FnMut(SuiteEvent<'_>),
) -> Option<Vec<AllRuns>> {
    let wanted = lessons
        .iter()
        .map(|lesson| (lesson, specs_of(lesson, &lesson.lesson.variants())));
    let all = run_all(wanted.collect(), setup, emit).await?;
    Some(all.into_iter().map(|runs| AllRuns { runs }).collect())
}

/// Runs a student's values. Returns `None` if it was interrupted.
pub async fn run_fix(
    lesson: &LessonFile,
    spec: RunSpec,
    setup: &TrialSetup<'_>,
    emit: impl FnMut(SuiteEvent<'_>),
) -> Option<RunResult> {
    run_fixes(vec![(lesson, spec)], setup, emit).await?.pop()
}

/// Runs values of students, in the given order. One that fails is not tried again: it would pass by luck. One that
/// decides nothing is tried again alone, twice at most.
pub(super) async fn run_fixes(
    wanted: Vec<(&LessonFile, RunSpec)>,
    setup: &TrialSetup<'_>,
    mut emit: impl FnMut(SuiteEvent<'_>),
) -> Option<Vec<RunResult>> {
    const TRIES: usize = 3;
    let mut results: Vec<Option<RunResult>> = vec![None; wanted.len()];
    for attempt in 0..TRIES {
        let undecided = |result: &Option<RunResult>| match result {
            None => true,
            Some(result) => matches!(
                result.verdict.outcome,
                Outcome::Inconclusive | Outcome::Errored
            ),
        };
        let open: Vec<usize> = (0..wanted.len())
            .filter(|index| undecided(&results[*index]))
            .collect();
        if open.is_empty() {
            break;
        }
        let options = Options {
            retries: 0,
            slots: if attempt == 0 {
                setup.options.slots
            } else {
                Some(1)
            },
            ..setup.options.clone()
        };
        let setup = TrialSetup {
            options: &options,
            stop: setup.stop.clone(),
        };
        let specs = open
            .iter()
            .map(|index| (wanted[*index].0, vec![wanted[*index].1.clone()]));
        let found = run_all(specs.collect(), &setup, &mut emit).await?;
        for (index, mut found) in open.into_iter().zip(found) {
            results[index] = found.pop();
        }
    }
    results.into_iter().collect()
}

fn specs_of(lesson: &LessonFile, variants: &[Option<String>]) -> Vec<RunSpec> {
    let specs = lesson.file.scenario.runs.iter();
    specs
        .filter(|spec| variants.contains(&spec.id.variant))
        .cloned()
        .collect()
}

/// Runs runs of several lessons. The results are in the same order. Returns `None` if it was interrupted.
async fn run_all(
    wanted: Vec<(&LessonFile, Vec<RunSpec>)>,
    setup: &TrialSetup<'_>,
    emit: impl FnMut(SuiteEvent<'_>),
) -> Option<Vec<Vec<RunResult>>> {
    let files = wanted.into_iter().map(|(lesson, specs)| {
        let mut file = ScenarioFile::clone(&lesson.file);
        file.scenario.runs = specs;
        file.scenario.compare.clear();
        Arc::new(file)
    });
    let suite = suite::run_suite(files.collect(), setup.options, setup.stop.clone(), emit).await;
    if suite.interrupted {
        return None;
    }
    Some(
        suite
            .scenarios
            .into_iter()
            .map(|scenario| scenario.runs.clone())
            .collect(),
    )
}
