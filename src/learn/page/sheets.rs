//! Sheets for print: a handout with room for answers, and the answers for the teacher.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};
use sha2::{Digest, Sha256};

use super::super::{GridRuns, LessonFile, LessonResults, example, finding_words};
use super::{STYLE, document, head, kernel};
use crate::report::html::markdown;
use crate::scenario::fix_file;
use crate::scenario::lesson::{FixStep, LessonStep, Prediction, PredictionForm};
use crate::units::show;

/// From this number of questions on, the space for notes is one line each: a quiz must not be a stack of paper.
const MANY_QUESTIONS: usize = 10;
const STOP: &str = "Stop until the class has seen the run.";
/// The longest statement, in letters, that stands beside others in one line.
const SHORT: usize = 34;

/// Returns true if the handout shows something of the runs: packets with blanks.
pub fn handout_needs_runs(lesson: &LessonFile) -> bool {
    let all = lesson.lesson.predictions().into_iter();
    all.map(|(_, _, prediction)| prediction)
        .any(|prediction| matches!(prediction.form, PredictionForm::Packets(_)))
}

/// Renders the handout: every question, and no answer. Without runs, it has no recorded packets.
pub fn handout(lesson: &LessonFile, runs: Option<&GridRuns>) -> String {
    let numbered = numbers(lesson);
    let many = lesson.lesson.predictions().len() >= MANY_QUESTIONS;
    let results = |step: usize| {
        let run = lesson.lesson.run_after(step);
        let variants = run.map_or(&[][..], |run| lesson.lesson.variants_of(run));
        runs.map_or_else(LessonResults::default, |runs| runs.own.of(variants))
    };
    let followed_by_reveal = |step: usize| {
        matches!(
            lesson.lesson.steps.get(step + 1),
            Some(LessonStep::Reveal(_))
        )
    };
    sheet(
        &lesson.file.scenario.title,
        html! {
            div class=@if many { "sheet many" } @else { "sheet" } {
            p class="name" { "Name: " span class="line" {} }
            (head(lesson))
            @for (index, step) in lesson.lesson.steps.iter().enumerate() {
                @match step {
                    LessonStep::Say(text) => (markdown(text)),
                    LessonStep::Predict(prediction) => {
                        div class="question" {
                            p class="number" { "Question " (numbered[index]) }
                            (markdown(&prediction.ask))
                            (room(prediction, &results(index)))
                        }
                    }
                    LessonStep::Why(why) => {
                        div class="question" { (markdown(&why.ask)) (lines(2)) }
                    }
                    LessonStep::Run(_) if followed_by_reveal(index) => {
                        div class="run" {
                            p class="fill" { span { (STOP) " What happened, and why?" } span class="line" {} }
                            @if !many { (lines(1)) }
                        }
                    }
                    LessonStep::Run(_) => p class="run" { (STOP) },
                    LessonStep::Reveal(_) => {},
                    LessonStep::Fix(fix) => (task(fix)),
                }
            }
            }
        },
    )
}

/// Renders the answers: what the kernel did, and the explanations.
pub fn answers(lesson: &LessonFile, runs: &GridRuns) -> String {
    let numbered = numbers(lesson);
    let found = |step: usize, prediction: &Prediction| {
        let run = lesson.lesson.run_after(step)?;
        let results = runs.own.of(lesson.lesson.variants_of(run));
        let mut lines = match results.answer(prediction) {
            Ok(finding) => finding_words(prediction, &finding),
            Err(reason) => vec![format!("The run does not answer it: {reason}")],
        };
        let measured = results.measured(prediction);
        if !measured.is_empty() {
            lines.push(format!("Measured: {}", measured.join(", ")));
        }
        let kernels = results.by_kernel(prediction, &lesson.kernels);
        lines.extend(kernels.iter().map(|k| format!("{}: {}", k.kernel, k.text)));
        Some(lines)
    };
    let drawn = |step: usize, prediction: &Prediction| {
        let run = lesson.lesson.run_after(step)?;
        let results = runs.own.of(lesson.lesson.variants_of(run));
        results.complete_drawing(prediction)
    };
    sheet(
        &format!("Answers: {}", lesson.file.scenario.title),
        html! {
            h1 { "Answers: " (lesson.file.scenario.title) }
            p class="facts" {
                @if let Some(seed) = lesson.seed { "Numbers of student " (seed) ". " }
                @if let Some(kernel) = kernel(runs) { "Measured on " (kernel) "." }
            }
            @for (index, step) in lesson.lesson.steps.iter().enumerate() {
                @match step {
                    LessonStep::Say(text) => (markdown(text)),
                    LessonStep::Predict(prediction) => {
                        div class="question" {
                            p class="number" { "Question " (numbered[index]) }
                            (markdown(&prediction.ask))
                            @if let Some(ladder) = drawn(index, prediction) { pre { (ladder) } }
                            @for line in found(index, prediction).unwrap_or_default() { p class="answer" { (line) } }
                        }
                    }
                    LessonStep::Why(why) => {
                        div class="question" {
                            (markdown(&why.ask))
                            @if let Some(answer) = &why.answer { div class="answer" { (markdown(answer)) } }
                        }
                    }
                    LessonStep::Run(_) => {},
                    LessonStep::Reveal(text) => (markdown(text)),
                    LessonStep::Fix(fix) => {
                        (task(fix))
                        @if !fix.solution.is_empty() { pre class="answer" { (fix_file(&fix.solution)) } }
                    }
                }
            }
        },
    )
}

/// Returns the number of the question for each step.
fn numbers(lesson: &LessonFile) -> Vec<usize> {
    let mut count = 0;
    let steps = lesson.lesson.steps.iter();
    steps
        .map(|step| {
            count += usize::from(matches!(step, LessonStep::Predict(_)));
            count
        })
        .collect()
}

pub(super) fn sheet(title: &str, body: Markup) -> String {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!("default-src 'none'; style-src 'sha256-{style}'");
    document(&policy, title, body).into_string()
}

fn lines(count: usize) -> Markup {
    html! { @for _ in 0..count { p class="line" {} } }
}

fn room(prediction: &Prediction, results: &LessonResults) -> Markup {
    match &prediction.form {
        PredictionForm::Number { .. } => html! {
            p class="hintline" { "Write " (example(prediction)) ": " span class="line" {} }
        },
        PredictionForm::Choice(_) | PredictionForm::Since { .. } => {
            let statements = prediction.form.statements();
            let short = statements.iter().all(|text| text.chars().count() <= SHORT);
            html! {
                ul class=@if short { "boxes short" } @else { "boxes" } {
                    @for text in &statements { li { (text) } }
                }
            }
        }
        PredictionForm::Rises(counters) => html! {
            ul class="boxes" { @for counter in counters { li { code { (counter.text) } } } }
        },
        PredictionForm::Blanks { ladder, .. } => blanks(prediction, ladder.trim_end()),
        PredictionForm::Packets(asked) => blanks(
            prediction,
            &results.drawing(asked).unwrap_or_else(|why| why),
        ),
        PredictionForm::Curve { at, .. } => html! {
            table {
                tr { th { "time" } @for at in at { th { (show::seconds(at.as_secs_f64())) } } }
                tr { th { "your prediction" } @for _ in at { td {} } }
                tr { th { "the kernel" } @for _ in at { td {} } }
            }
        },
    }
}

fn blanks(prediction: &Prediction, ladder: &str) -> Markup {
    html! {
        pre { (ladder) }
        @for blank in prediction.form.blanks() {
            p { "(" (blank.name) "): " (blank.options.join(" / ")) }
        }
    }
}

fn task(fix: &FixStep) -> Markup {
    html! {
        div class="question" {
            p class="number" { "Task" }
            (markdown(&fix.ask))
            pre { (fix_file(&fix.start)) }
            p { "These must hold:" }
            ul { @for expectation in &fix.expect { li { code { (expectation.text) } } } }
        }
    }
}
