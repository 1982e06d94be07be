//! Checks a lesson for its author: the runs answer its questions, solutions pass, starts fail, nothing shows an answer.

use super::course::LessonFile;
use super::grid::{GridRuns, MOST_CELLS, combinations};
use super::page;
use super::trial::{TrialSetup, run_fixes, run_lessons};
use crate::record::Outcome;
use crate::scenario::lesson::{FixValue, Lesson, LessonStep};
use crate::scenario::{RunSpec, fix_file, fixed_run};
use crate::suite::SuiteEvent;

/// The seeds whose numbers are tried besides those of the file.
const SEEDS: [u64; 2] = [1, 2];
/// Texts shorter than this occur by chance.
const SHORTEST_SECRET: usize = 12;

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AuthorCheck {
    pub what: String,
    /// The problem; `None` if it is as it should be.
    pub problem: Option<String>,
}

/// Checks a lesson. Returns `None` if it was interrupted.
pub async fn check_lesson(
    lesson: &LessonFile,
    setup: &TrialSetup<'_>,
    mut emit: impl FnMut(SuiteEvent<'_>),
) -> Option<Vec<AuthorCheck>> {
    let mut checks = Vec::new();
    let mut add =
        |what: String, problem: Option<String>| checks.push(AuthorCheck { what, problem });
    let cells = combinations(&lesson.lesson).len();
    let too_many = (cells > MOST_CELLS).then(|| format!("{cells} settings; at most {MOST_CELLS}"));
    add(
        "the knobs have few enough settings for a page".to_owned(),
        too_many,
    );
    let mut students = vec![(String::new(), lesson.clone())];
    for seed in SEEDS {
        match lesson.with_seed(seed) {
            Ok(student) => students.push((format!(", with the numbers of seed {seed}"), student)),
            Err(problems) => add(
                format!("seed {seed} has valid numbers"),
                Some(problems.to_string()),
            ),
        }
    }
    let lessons: Vec<LessonFile> = students.iter().map(|(_, lesson)| lesson.clone()).collect();
    let runs = run_lessons(&lessons, setup, &mut emit).await?;
    for ((whose, student), runs) in students.iter().zip(&runs) {
        for (_, run, prediction) in student.lesson.predictions() {
            let results = runs.of(student.lesson.variants_of(run));
            let problem = results.answer(prediction).err();
            add(
                format!("the run answers `{}`{whose}", prediction.name),
                problem,
            );
        }
        let surprises: Vec<String> = student
            .lesson
            .variants()
            .iter()
            .flat_map(|variant| runs.of(std::slice::from_ref(variant)).surprises())
            .collect();
        let problem = (!surprises.is_empty()).then(|| surprises.join("; "));
        add(
            format!("the scenario's own expectations hold{whose}"),
            problem,
        );
    }
    let trials = fix_trials(lesson);
    let mut ready = Vec::new();
    for (what, wanted, spec) in trials {
        match spec {
            Ok(spec) => ready.push((what, wanted, spec)),
            Err(problem) => add(what, Some(problem)),
        }
    }
    let specs = ready
        .iter()
        .map(|(_, _, spec)| (lesson, spec.clone()))
        .collect();
    let results = run_fixes(specs, setup, &mut emit).await?;
    for ((what, wanted, _), result) in ready.into_iter().zip(results) {
        let outcome = result.verdict.outcome;
        let problem = (outcome != wanted).then(|| format!("it is {outcome}"));
        add(what, problem);
    }
    let own = runs.into_iter().next().unwrap_or_default();
    let grid = GridRuns {
        own,
        cells: Vec::new(),
    };
    let files = [
        ("page", page::page(lesson, &grid, None)),
        ("handout", page::handout(lesson, Some(&grid))),
        ("scenario as shown", lesson.file.text.clone()),
    ];
    for (name, text) in files {
        let shown = secrets(&lesson.lesson)
            .into_iter()
            .find(|secret| text.contains(secret.as_str()));
        let problem = shown.map(|secret| format!("it contains: {secret}"));
        add(format!("the {name} shows no answer early"), problem);
    }
    Some(checks)
}

/// The start and the solution of each fix, with the outcome that each should have.
fn fix_trials(lesson: &LessonFile) -> Vec<(String, Outcome, Result<RunSpec, String>)> {
    let mut trials = Vec::new();
    for (index, step) in lesson.lesson.steps.iter().enumerate() {
        let LessonStep::Fix(fix) = step else { continue };
        let number = index + 1;
        let spec = |values: &[FixValue]| {
            let text = fix_file(values);
            fixed_run(lesson.full_text(), &lesson.file.set, fix, ("values", &text))
                .map_err(|problems| problems.to_string())
        };
        trials.push((
            format!("step {number}: the values at the start do not solve the task"),
            Outcome::Failed,
            spec(&fix.start),
        ));
        let solution = match fix.solution.is_empty() {
            true => Err("the lesson has no solution; add `solution:`".to_owned()),
            false => spec(&fix.solution),
        };
        trials.push((
            format!("step {number}: the solution solves the task"),
            Outcome::Passed,
            solution,
        ));
    }
    trials
}

/// Returns the texts that a student must not find before the run: a line of each.
fn secrets(lesson: &Lesson) -> Vec<String> {
    let mut texts: Vec<&str> = Vec::new();
    for step in &lesson.steps {
        match step {
            LessonStep::Reveal(text) => texts.push(text),
            LessonStep::Why(why) => texts.extend(why.answer.as_deref()),
            LessonStep::Predict(prediction) => {
                let options = prediction.form.options().into_iter();
                texts.extend(options.filter_map(|option| option.note.as_deref()));
            }
            LessonStep::Say(_) | LessonStep::Run(_) | LessonStep::Fix(_) => {}
        }
    }
    // Markdown changes letters with a meaning; a run of plain words stays as it is.
    let plain = |text: &str| {
        let parts =
            text.split(|letter: char| !letter.is_alphanumeric() && letter != ' ' && letter != ',');
        let longest = parts.max_by_key(|part| part.len()).unwrap_or_default();
        longest.trim().to_owned()
    };
    let mut secrets: Vec<String> = texts.into_iter().map(plain).collect();
    secrets.retain(|secret| secret.len() >= SHORTEST_SECRET);
    secrets
}
