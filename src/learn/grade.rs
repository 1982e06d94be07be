//! Judges answers that students hand in, by running their lessons again.
//!
//! A file holds predictions and values, and never a result that is believed. The seal shows that a file was edited by
//! hand after it was saved; it does not stop a student who makes a new seal with the script of the page.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use super::course::LessonFile;
use super::finding::Finding;
use super::gap::gap;
use super::guess::Guess;
use super::seal;
use super::trial::{self, AllRuns, TrialSetup, run_lessons};
use crate::input_file;
use crate::record::Outcome;
use crate::scenario::lesson::{FixStep, LessonStep, PredictionForm};
use crate::scenario::{RunSpec, fix_file, fixed_run};
use crate::suite::{RunResult, SuiteEvent};

/// The largest answers file, bytes: hundreds of times a long one.
const LARGEST: u64 = 1024 * 1024;
/// The longest value of a fix.
const LONGEST_VALUE: usize = 200;

#[derive(Debug, Deserialize)]
struct SheetFile {
    format: u32,
    body: String,
    seal: String,
}

/// The answers of one student.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AnswerSheet {
    #[serde(skip)]
    pub path: PathBuf,
    pub lesson: String,
    pub seed: Option<u64>,
    /// The lesson and the numbers that the page was made for.
    pub identity: String,
    /// A random number of the page's first start; copies of a file share it.
    pub sheet: String,
    #[serde(default)]
    pub name: String,
    /// The kernels that the page compares, from old to new.
    #[serde(default)]
    pub kernels: Vec<String>,
    #[serde(default)]
    pub guesses: BTreeMap<String, Guess>,
    /// The values of each fix, by the number of its step.
    #[serde(default)]
    pub fixes: BTreeMap<usize, BTreeMap<String, String>>,
}

/// The reason why a file is not judged.
#[derive(Debug, Error)]
#[error("{}: {reason}", path.display())]
#[expect(missing_docs, reason = "the names say it")]
pub struct SheetError {
    pub path: PathBuf,
    pub reason: String,
}

/// The result of one answer.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct GradeRow {
    pub student: String,
    pub file: String,
    pub lesson: String,
    pub seed: Option<u64>,
    pub question: String,
    /// The parts that are right; `None` if the run decided nothing.
    pub right: Option<usize>,
    pub of: usize,
    /// The gap in words, or the reason why nothing was decided.
    pub words: String,
    /// The guess and the measured value, if the question asks for a number.
    pub numbers: Option<(f64, f64)>,
}

/// The results of all students.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Grade {
    pub rows: Vec<GradeRow>,
    pub refused: Vec<SheetError>,
    /// Files that share a page although their names differ.
    pub copies: Vec<String>,
    /// The number of runs that were made.
    pub runs: usize,
}

/// Reads every answers file (`*.json`) of a folder, in the order of their names.
///
/// # Errors
/// If the folder cannot be read.
pub fn read_sheets(folder: &Path) -> std::io::Result<(Vec<AnswerSheet>, Vec<SheetError>)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    paths.sort();
    let (mut sheets, mut refused) = (Vec::new(), Vec::new());
    for path in paths {
        match read_sheet(&path) {
            Ok(sheet) => sheets.push(sheet),
            Err(reason) => refused.push(SheetError { path, reason }),
        }
    }
    Ok((sheets, refused))
}

fn read_sheet(path: &Path) -> Result<AnswerSheet, String> {
    let text = input_file::read_text(path, LARGEST).map_err(|error| error.to_string())?;
    let no_answers = |error| format!("it is not an answers file: {error}");
    let file: SheetFile = serde_json::from_str(&text).map_err(no_answers)?;
    if file.format != 1 {
        return Err(format!(
            "its format {} is not known; this is nslab {}",
            file.format,
            env!("CARGO_PKG_VERSION")
        ));
    }
    let mut sheet: AnswerSheet = serde_json::from_str(&file.body).map_err(no_answers)?;
    if seal::seal_of(&sheet.identity, &file.body) != file.seal {
        return Err("it was changed after the page saved it".to_owned());
    }
    path.clone_into(&mut sheet.path);
    Ok(sheet)
}

/// A student's lesson, and the group of students with the same numbers.
struct Graded<'s> {
    sheet: &'s AnswerSheet,
    group: usize,
}

/// Judges the answers. `open` finds a lesson by its name; students with the same numbers share a run. Returns `None`
/// if it was interrupted.
pub async fn grade(
    sheets: &[AnswerSheet],
    mut open: impl FnMut(&str) -> Result<LessonFile, String>,
    setup: &TrialSetup<'_>,
    mut emit: impl FnMut(SuiteEvent<'_>),
) -> Option<Grade> {
    let mut grade = Grade {
        copies: copies(sheets),
        ..Grade::default()
    };
    let mut groups: Vec<LessonFile> = Vec::new();
    let mut graded = Vec::new();
    for sheet in sheets {
        match lesson_of(sheet, &mut open) {
            Ok(lesson) => {
                let same = |known: &LessonFile| {
                    known.name() == lesson.name() && known.file.set == lesson.file.set
                };
                let group = groups.iter().position(same).unwrap_or_else(|| {
                    groups.push(lesson);
                    groups.len() - 1
                });
                graded.push(Graded { sheet, group });
            }
            Err(reason) => grade.refused.push(SheetError {
                path: sheet.path.clone(),
                reason,
            }),
        }
    }
    let mut count = 0;
    let mut counted = |event: SuiteEvent<'_>| {
        if let SuiteEvent::RunStarted { .. } = event {
            count += 1;
        }
        emit(event);
    };
    let runs = run_lessons(&groups, setup, &mut counted).await?;
    let fixes = run_fixes(&graded, &groups, setup, &mut counted).await?;
    for Graded { sheet, group } in graded {
        let lesson = &groups[group];
        rows_of(sheet, lesson, &runs[group], &fixes, &mut grade.rows);
    }
    grade.runs = count;
    Some(grade)
}

fn lesson_of(
    sheet: &AnswerSheet,
    open: &mut impl FnMut(&str) -> Result<LessonFile, String>,
) -> Result<LessonFile, String> {
    let lesson = open(&sheet.lesson)?;
    let lesson = match sheet.seed {
        Some(seed) => lesson
            .with_seed(seed)
            .map_err(|problems| problems.to_string())?,
        None => lesson,
    };
    if seal::identity(lesson.full_text(), sheet.seed) != sheet.identity {
        return Err(format!(
            "it was made for another version of the lesson {}",
            sheet.lesson
        ));
    }
    Ok(lesson)
}

/// Describes the files that come from the same page but have different names.
fn copies(sheets: &[AnswerSheet]) -> Vec<String> {
    let mut by_page: BTreeMap<&str, Vec<&AnswerSheet>> = BTreeMap::new();
    for sheet in sheets {
        by_page.entry(&sheet.sheet).or_default().push(sheet);
    }
    let several = by_page.into_values().filter(|sheets| sheets.len() > 1);
    several
        .map(|sheets| {
            let names: Vec<String> = sheets
                .iter()
                .map(|sheet| format!("{} ({})", sheet.path.display(), sheet.name))
                .collect();
            format!("saved by the same page: {}", names.join(", "))
        })
        .collect()
}

/// A fix: the group of its lesson, its step, and the values.
type FixKey = (String, BTreeMap<String, String>, usize, String);
type FixRuns = BTreeMap<FixKey, Result<RunResult, String>>;

fn fix_key(lesson: &LessonFile, step: usize, text: &str) -> FixKey {
    (
        lesson.name().to_owned(),
        lesson.file.set.clone(),
        step,
        text.to_owned(),
    )
}

/// Writes the values of a student as a file.
fn fix_text(step: &FixStep, values: &BTreeMap<String, String>) -> Result<String, String> {
    let mut written = step.start.clone();
    for value in &mut written {
        if let Some(answer) = values.get(&value.path.join(".")) {
            if answer.len() > LONGEST_VALUE || answer.chars().any(char::is_control) {
                return Err(format!(
                    "the value of `{}` is not one line",
                    value.path.join(".")
                ));
            }
            value.value.clone_from(answer);
        }
    }
    Ok(fix_file(&written))
}

async fn run_fixes(
    graded: &[Graded<'_>],
    groups: &[LessonFile],
    setup: &TrialSetup<'_>,
    emit: impl FnMut(SuiteEvent<'_>),
) -> Option<FixRuns> {
    let mut done = FixRuns::new();
    let mut wanted: BTreeMap<FixKey, (&LessonFile, RunSpec)> = BTreeMap::new();
    for Graded { sheet, group } in graded {
        let lesson = &groups[*group];
        for (index, values) in &sheet.fixes {
            let Some(LessonStep::Fix(step)) = lesson.lesson.steps.get(*index) else {
                continue;
            };
            let Ok(text) = fix_text(step, values) else {
                continue;
            };
            let key = fix_key(lesson, *index, &text);
            let spec = fixed_run(
                lesson.full_text(),
                &lesson.file.set,
                step,
                ("answer", &text),
            );
            match spec {
                Ok(spec) => {
                    wanted.insert(key, (lesson, spec));
                }
                Err(problems) => {
                    let first = problems
                        .problems
                        .first()
                        .map(|problem| problem.message.clone());
                    done.insert(key, Err(first.unwrap_or_default()));
                }
            }
        }
    }
    let (keys, runs): (Vec<FixKey>, Vec<_>) = wanted.into_iter().unzip();
    let results = trial::run_fixes(runs, setup, emit).await?;
    for (key, result) in keys.into_iter().zip(results) {
        done.insert(key, Ok(result));
    }
    Some(done)
}

fn rows_of(
    sheet: &AnswerSheet,
    lesson: &LessonFile,
    runs: &AllRuns,
    fixes: &FixRuns,
    rows: &mut Vec<GradeRow>,
) {
    let row = |question: String, right, of, words| GradeRow {
        student: sheet.name.clone(),
        file: sheet
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        lesson: lesson.name().to_owned(),
        seed: sheet.seed,
        question,
        right,
        of,
        words,
        numbers: None,
    };
    for (_, run, prediction) in lesson.lesson.predictions() {
        let guess = sheet
            .guesses
            .get(&prediction.name)
            .filter(|guess| guess.fits(prediction));
        if matches!(prediction.form, PredictionForm::Since { .. })
            && sheet.kernels != lesson.kernels
        {
            let reason = match sheet.kernels.as_slice() {
                [] => "the page asks about one kernel; leave out --kernel".to_owned(),
                names => format!(
                    "the page asks about {}; name them with --kernel",
                    names.join(", ")
                ),
            };
            rows.push(row(prediction.name.clone(), None, 1, reason));
            continue;
        }
        let results = runs.of(lesson.lesson.variants_of(run));
        rows.push(match results.answer(prediction) {
            Ok(finding) => {
                let gap = gap(prediction, guess, &finding);
                let words = match guess {
                    Some(_) => gap.lines.join(" "),
                    None => "no answer".to_owned(),
                };
                let right = if guess.is_some() { gap.right } else { 0 };
                let mut row = row(prediction.name.clone(), Some(right), gap.of, words);
                if let (Some(Guess::Number(guess)), Finding::Number(measured)) = (guess, finding) {
                    row.numbers = Some((*guess, measured));
                }
                row
            }
            Err(reason) => row(prediction.name.clone(), None, 1, reason),
        });
    }
    for (index, step) in lesson.lesson.steps.iter().enumerate() {
        let LessonStep::Fix(fix) = step else { continue };
        let question = format!("fix-{}", index + 1);
        let Some(values) = sheet.fixes.get(&index) else {
            rows.push(row(question, Some(0), 1, "no answer".to_owned()));
            continue;
        };
        let judged = match fix_text(fix, values) {
            Ok(text) => fixes.get(&fix_key(lesson, index, &text)),
            Err(reason) => {
                rows.push(row(question, Some(0), 1, reason));
                continue;
            }
        };
        rows.push(match judged {
            None => row(question, None, 1, "it was not run".to_owned()),
            Some(Err(reason)) => row(question, Some(0), 1, reason.clone()),
            Some(Ok(result)) => {
                let verdict = &result.verdict;
                let failed: Vec<&str> = verdict
                    .verdicts
                    .iter()
                    .filter(|verdict| verdict.outcome == Outcome::Failed)
                    .map(|verdict| verdict.text.as_str())
                    .collect();
                match verdict.outcome {
                    Outcome::Passed | Outcome::Flaky => {
                        row(question, Some(1), 1, "all conditions hold".to_owned())
                    }
                    Outcome::Failed => row(
                        question,
                        Some(0),
                        1,
                        format!("does not hold: {}", failed.join("; ")),
                    ),
                    outcome @ (Outcome::Skipped
                    | Outcome::NotApplicable
                    | Outcome::Inconclusive
                    | Outcome::Errored) => {
                        let reason = verdict.reason.clone().unwrap_or_default();
                        row(question, None, 1, format!("{outcome}: {reason}"))
                    }
                }
            }
        });
    }
}
