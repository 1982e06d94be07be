//! Sheets for print: a handout with room for answers, and the answers for the teacher.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};
use sha2::{Digest, Sha256};

use super::super::{Finding, GridRuns, LessonFile, example};
use super::{STYLE, document, head, kernel};
use crate::report::html::markdown;
use crate::scenario::fix_file;
use crate::scenario::lesson::{FixStep, LessonStep, Prediction, PredictionForm};
use crate::units::{Unit, show};

/// Renders the handout: every question, and no answer.
pub fn handout(lesson: &LessonFile) -> String {
    let numbered = numbers(lesson);
    sheet(
        &lesson.file.scenario.title,
        html! {
            (head(lesson))
            p class="name" { "Name: " span class="line" {} }
            @for (index, step) in lesson.lesson.steps.iter().enumerate() {
                @match step {
                    LessonStep::Say(text) => (markdown(text)),
                    LessonStep::Predict(prediction) => {
                        div class="question" {
                            p class="number" { "Question " (numbered[index]) }
                            (markdown(&prediction.ask))
                            (room(prediction))
                        }
                    }
                    LessonStep::Why(why) => {
                        div class="question" { (markdown(&why.ask)) (lines(3)) }
                    }
                    LessonStep::Run(_) => p class="run" { "Stop here until the class has seen the run." },
                    LessonStep::Reveal(_) => div class="question" { p { "What did you learn?" } (lines(2)) },
                    LessonStep::Fix(fix) => (task(fix)),
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
        Some(match results.answer(prediction) {
            Ok(finding) => words(prediction, &finding),
            Err(reason) => vec![format!("The run does not answer it: {reason}")],
        })
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

fn room(prediction: &Prediction) -> Markup {
    match &prediction.form {
        PredictionForm::Number { .. } => html! {
            p class="hintline" { "Write " (example(prediction)) ": " span class="line" {} }
        },
        PredictionForm::Choice(options) => html! {
            ul class="boxes" { @for option in options { li { (option.text) } } }
        },
        PredictionForm::Rises(counters) => html! {
            ul class="boxes" { @for counter in counters { li { code { (counter.text) } } } }
        },
        PredictionForm::Blanks { ladder, blanks } => html! {
            pre { (ladder.trim_end()) }
            @for blank in blanks {
                @let texts = blank.options.iter().map(|option| option.text.trim());
                p { "(" (blank.name) "): " (texts.collect::<Vec<_>>().join(" / ")) }
            }
        },
        PredictionForm::Curve { at, .. } => html! {
            table {
                tr { th { "time" } @for at in at { th { (show::seconds(at.as_secs_f64())) } } }
                tr { th { "your prediction" } @for _ in at { td {} } }
                tr { th { "the kernel" } @for _ in at { td {} } }
            }
        },
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

/// Puts a finding into words.
fn words(prediction: &Prediction, finding: &Finding) -> Vec<String> {
    let unit = match &prediction.form {
        PredictionForm::Number { quantity, .. } | PredictionForm::Curve { quantity, .. } => {
            quantity.unit
        }
        PredictionForm::Choice(_) | PredictionForm::Rises(_) | PredictionForm::Blanks { .. } => {
            Unit::Count
        }
    };
    match (finding, &prediction.form) {
        (Finding::Number(value), _) => vec![show::spaced(*value, unit)],
        (Finding::Curve(values), PredictionForm::Curve { at, .. }) => at
            .iter()
            .zip(values)
            .map(|(at, value)| {
                format!(
                    "{}: {}",
                    show::seconds(at.as_secs_f64()),
                    show::spaced(*value, unit)
                )
            })
            .collect(),
        (Finding::Choice(index), PredictionForm::Choice(options)) => options
            .get(*index)
            .map(|option| option.text.clone())
            .into_iter()
            .collect(),
        (Finding::Rises(rose), PredictionForm::Rises(counters)) => counters
            .iter()
            .zip(rose)
            .map(|(counter, rose)| {
                let did = if *rose { "rises" } else { "does not rise" };
                format!("{} {did}", counter.text)
            })
            .collect(),
        (Finding::Blanks(truths), PredictionForm::Blanks { blanks, .. }) => blanks
            .iter()
            .zip(truths)
            .filter_map(|(blank, truth)| {
                let option = blank.options.get(*truth)?;
                Some(format!("({}) {}", blank.name, option.text.trim()))
            })
            .collect(),
        (Finding::Curve(_) | Finding::Choice(_) | Finding::Rises(_) | Finding::Blanks(_), _) => {
            Vec::new()
        }
    }
}
