//! Runs the variants of a lesson, and a student's fix, through the suite.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;

use super::course::LessonFile;
use super::finding::{Finding, find_answer, finding_words, measured, statement};
use super::recorded::{RecordedLadder, read_ladder};
use crate::expect::Answers;
use crate::record::{Environment, Outcome};
use crate::scenario::RunSpec;
use crate::scenario::expr::Expectation;
use crate::scenario::lesson::{PacketQuestion, Prediction, PredictionForm};
use crate::suite::{self, Captures, Options, RunResult, ScenarioFile, SuiteEvent};

/// The way in which a lesson runs.
#[derive(Debug)]
pub struct TrialSetup<'a> {
    /// Options of the suite, with the newest kernel.
    pub options: &'a Options,
    /// The other kernels of the lesson, from old to new.
    pub older: &'a [OlderKernel],
    /// Becomes true when the lesson is to end.
    pub stop: watch::Receiver<bool>,
}

/// A kernel whose answers are shown beside those of the newest one.
#[derive(Debug)]
pub struct OlderKernel {
    /// Its name, as in the lesson's list of kernels.
    pub name: String,
    /// Options of the suite on it.
    pub options: Options,
}

/// The results of the variants that one step of a lesson runs.
#[derive(Debug, Clone, Default)]
pub struct LessonResults {
    /// The variants in the order of the step, each with its run.
    pub runs: Vec<(Option<String>, RunResult)>,
    /// The packets that a question is about.
    ladders: Vec<(PacketQuestion, Result<RecordedLadder, String>)>,
    /// The results of each older kernel, from old to new.
    older: Vec<(String, Self)>,
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
        match &prediction.form {
            PredictionForm::Packets(asked) => {
                self.answers()?;
                self.ladder(asked)?.truths(asked).map(Finding::Blanks)
            }
            PredictionForm::Since { when, .. } => self.first_false(when).map(Finding::Choice),
            PredictionForm::Number { .. }
            | PredictionForm::Choice(_)
            | PredictionForm::Curve { .. }
            | PredictionForm::Rises(_)
            | PredictionForm::Blanks { .. } => find_answer(prediction, &self.answers()?),
        }
    }

    /// Returns the quantities that the statements of a question are decided by; none if the answers of several kernels
    /// contain them.
    pub fn measured(&self, prediction: &Prediction) -> Vec<String> {
        let by_kernel = matches!(prediction.form, PredictionForm::Since { .. });
        if by_kernel && !self.older.is_empty() {
            return Vec::new();
        }
        self.quantities(prediction)
    }

    fn quantities(&self, prediction: &Prediction) -> Vec<String> {
        let answers = self.answers();
        answers.map_or(Vec::new(), |answers| measured(prediction, &answers))
    }

    /// Returns the drawing of a recorded ladder, with blanks.
    ///
    /// # Errors
    /// The reason why there is none.
    pub fn drawing(&self, asked: &PacketQuestion) -> Result<String, String> {
        Ok(self.ladder(asked)?.drawing(asked))
    }

    /// Returns the drawing of the packets that a question is about, without blanks.
    pub fn complete_drawing(&self, prediction: &Prediction) -> Option<String> {
        let PredictionForm::Packets(asked) = &prediction.form else {
            return None;
        };
        self.ladder(asked).ok().map(|ladder| ladder.complete(asked))
    }

    /// Returns what each kernel answers, from old to new; empty if the lesson runs on one kernel.
    pub fn by_kernel(&self, prediction: &Prediction, kernels: &[String]) -> Vec<KernelAnswer> {
        if self.older.is_empty() {
            return Vec::new();
        }
        let older = self.older.iter().map(|(_, results)| results);
        let all = older.chain([self]).zip(kernels);
        all.map(|(results, kernel)| KernelAnswer {
            kernel: kernel.clone(),
            text: results.in_words(prediction),
        })
        .collect()
    }

    /// Returns the answer of this kernel alone.
    fn in_words(&self, prediction: &Prediction) -> String {
        if let PredictionForm::Since { when, .. } = &prediction.form {
            let holds = self.answers().and_then(|answers| statement(when, &answers));
            let word = match holds {
                Ok(true) => "true".to_owned(),
                Ok(false) => "false".to_owned(),
                Err(reason) => return reason,
            };
            return format!("{word} ({})", self.quantities(prediction).join(", "));
        }
        match self.answer(prediction) {
            Ok(finding) => finding_words(prediction, &finding).join(", "),
            Err(reason) => reason,
        }
    }

    fn ladder(&self, asked: &PacketQuestion) -> Result<&RecordedLadder, String> {
        let found = self.ladders.iter().find(|(known, _)| known == asked);
        let (_, ladder) = found.ok_or("no packets were recorded")?;
        ladder.as_ref().map_err(Clone::clone)
    }

    /// Returns the number of the first kernel on which a statement is false, or the number of kernels.
    fn first_false(&self, when: &Expectation) -> Result<usize, String> {
        let older = self.older.iter().map(|(_, results)| results);
        let mut holds = Vec::new();
        for results in older.chain([self]) {
            holds.push(statement(when, &results.answers()?)?);
        }
        let first = holds.iter().position(|holds| !holds);
        let first = first.unwrap_or(holds.len());
        if holds.iter().skip(first).any(|holds| *holds) {
            return Err("it is false on one kernel, and true on a newer one".to_owned());
        }
        Ok(first)
    }

    fn answers(&self) -> Result<Answers<'_>, String> {
        if let Some(problem) = self.problem() {
            return Err(problem);
        }
        match self.runs.as_slice() {
            [] => Err("nothing was run".to_owned()),
            [(_, only)] => Ok(Answers::of_run(&only.timeline)),
            several => {
                let named = several
                    .iter()
                    .filter_map(|(variant, run)| Some((variant.as_deref()?, &run.timeline)));
                Ok(Answers::of_variants(named.collect::<BTreeMap<_, _>>()))
            }
        }
    }
}

/// The answer of one kernel of several, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct KernelAnswer {
    pub kernel: String,
    pub text: String,
}

/// All runs of a lesson.
#[derive(Debug, Clone, Default)]
pub struct AllRuns {
    runs: Vec<RunResult>,
    ladders: Vec<(PacketQuestion, Result<RecordedLadder, String>)>,
    older: Vec<(String, Self)>,
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
            ladders: self.ladders.clone(),
            older: self
                .older
                .iter()
                .map(|(name, runs)| (name.clone(), runs.of(variants)))
                .collect(),
        }
    }

    /// Takes the runs of a lesson, and reads the packets that it asks about while their captures exist.
    fn read(lesson: &LessonFile, runs: Vec<RunResult>) -> Self {
        let mut ladders = Vec::new();
        for (_, run, prediction) in lesson.lesson.predictions() {
            if let PredictionForm::Packets(asked) = &prediction.form
                && let [variant] = lesson.lesson.variants_of(run)
                && let Some(run) = runs.iter().find(|run| run.spec.id.variant == *variant)
            {
                ladders.push((asked.clone(), read_ladder(run, asked)));
            }
        }
        Self {
            runs,
            ladders,
            older: Vec::new(),
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
    let specs = specs_of(lesson, variants);
    let all = run_everywhere(vec![(lesson, specs)], setup, emit).await?;
    Some(all.into_iter().next()?.of(variants))
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
    run_everywhere(wanted.collect(), setup, emit).await
}

/// Executes the runs of several lessons on the newest kernel, and those of lessons for several kernels on the others
/// too. Lessons that ask about packets are captured.
async fn run_everywhere(
    wanted: Vec<(&LessonFile, Vec<RunSpec>)>,
    setup: &TrialSetup<'_>,
    mut emit: impl FnMut(SuiteEvent<'_>),
) -> Option<Vec<AllRuns>> {
    let asks = |lesson: &LessonFile| {
        let all = lesson.lesson.predictions().into_iter();
        all.map(|(_, _, prediction)| prediction)
            .any(|prediction| matches!(prediction.form, PredictionForm::Packets(_)))
    };
    let folder = match wanted.iter().any(|(lesson, _)| asks(lesson)) {
        true => tempfile::tempdir().ok(),
        false => None,
    };
    let captured = |options: &Options, below: &str| {
        let mut options = options.clone();
        if let (Some(folder), Captures::None) = (&folder, &options.captures) {
            options.captures = Captures::All(folder.path().join(below));
        }
        options
    };
    let options = captured(setup.options, "newest");
    let runs = run_all(wanted.clone(), (&options, &setup.stop), &mut emit).await?;
    let pairs = wanted.iter().zip(runs);
    let mut all: Vec<AllRuns> = pairs
        .map(|((lesson, _), runs)| AllRuns::read(lesson, runs))
        .collect();
    let several = |index: &usize| wanted[*index].0.kernels.len() > 1;
    let indices: Vec<usize> = (0..wanted.len()).filter(several).collect();
    for kernel in setup.older {
        let options = captured(&kernel.options, &kernel.name);
        let here = indices.iter().map(|index| wanted[*index].clone());
        let runs = run_all(here.collect(), (&options, &setup.stop), &mut emit).await?;
        for (index, runs) in indices.iter().zip(runs) {
            let read = AllRuns::read(wanted[*index].0, runs);
            all[*index].older.push((kernel.name.clone(), read));
        }
    }
    Some(all)
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
        let specs = open
            .iter()
            .map(|index| (wanted[*index].0, vec![wanted[*index].1.clone()]));
        let found = run_all(specs.collect(), (&options, &setup.stop), &mut emit).await?;
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
    (options, stop): (&Options, &watch::Receiver<bool>),
    emit: impl FnMut(SuiteEvent<'_>),
) -> Option<Vec<Vec<RunResult>>> {
    let files = wanted.into_iter().map(|(lesson, specs)| {
        let mut file = ScenarioFile::clone(&lesson.file);
        file.scenario.runs = specs;
        file.scenario.compare.clear();
        Arc::new(file)
    });
    let suite = suite::run_suite(files.collect(), options, stop.clone(), emit).await;
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

#[cfg(test)]
mod tests;
