//! Pages for people without Linux: the lesson with a kernel's answer for every setting, a handout, and the answers.

mod class_picture;
mod data;
mod sheets;
#[cfg(test)]
mod tests;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::{GridRuns, LessonFile, actors};

pub use class_picture::class_picture;
use sheets::sheet;
pub use sheets::{answers, handout, handout_needs_runs};

const SCRIPT: &str = include_str!("page.js");
const STYLE: &str = include_str!("page.css");

/// Renders the page for a student. `code` is a word without which nothing can be revealed.
pub fn page(lesson: &LessonFile, runs: &GridRuns, code: Option<&str>) -> String {
    let data = data::data(lesson, runs, code);
    // `<` must not end the element that holds the data.
    let data = serde_json::to_string(&data)
        .unwrap_or_default()
        .replace('<', "\\u003c");
    let scenario = &lesson.file.scenario;
    let script = STANDARD.encode(Sha256::digest(SCRIPT));
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; base-uri 'none'; form-action 'none'; script-src 'sha256-{script}'; \
         style-src 'sha256-{style}'"
    );
    document(&policy, &scenario.title, html! {
        (head(lesson))
        main id="steps" { noscript { p { "This page needs JavaScript. It loads nothing from the network." } } }
        section id="end" {}
        footer {
            @if let Some(environment) = kernel(runs) {
                p { "Everything here was measured on " (environment) " by nslab " (env!("CARGO_PKG_VERSION")) "." }
            }
            p {
                @if code.is_some() {
                    "The answers are encrypted. Your teacher has the word that opens them."
                } @else {
                    "The answers in this file are scrambled, so that you do not see them by accident. They are not \
                     protected: the key is in the file as well."
                }
            }
        }
        script type="application/json" id="data" { (PreEscaped(data)) }
        script { (PreEscaped(SCRIPT)) }
    })
    .into_string()
}

fn head(lesson: &LessonFile) -> Markup {
    let scenario = &lesson.file.scenario;
    html! {
        header {
            @if let Some(picture) = &lesson.lesson.picture { pre class="picture" { (picture.trim_end()) } }
            h1 { (scenario.title) }
            p class="facts" {
                @if let Some(minutes) = lesson.lesson.minutes { (minutes) " minutes" }
                @if let Some(seed) = lesson.seed { " · numbers of student " (seed) }
            }
            @if !lesson.lesson.goals.is_empty() {
                p { "After this lesson:" }
                ul { @for goal in &lesson.lesson.goals { li { (goal) } } }
            }
            @let actors = actors(lesson);
            @if !actors.is_empty() {
                p class="facts" {
                    "Names in the questions: "
                    @for (index, (name, explanation)) in actors.iter().enumerate() {
                        @if index > 0 { "; " }
                        code { (name) } " is " (explanation)
                    }
                    "."
                }
            }
        }
    }
}

fn document(policy: &str, title: &str, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    }
}

/// Returns the kernel that the page shows.
fn kernel(runs: &GridRuns) -> Option<String> {
    let environment = runs.own.environment()?;
    Some(format!("Linux {}", environment.kernel_release))
}
