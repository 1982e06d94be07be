//! The list of lessons with the student's progress.

use std::process::ExitCode;

use serde::Serialize;

use super::super::output;
use super::say;
use crate::learn::{LessonFile, LessonProgress, ProgressFile, shipped_lessons};

#[derive(Serialize)]
struct ListedLesson<'a> {
    name: &'a str,
    title: &'a str,
    minutes: Option<u64>,
    goals: &'a [String],
    steps: usize,
    /// The number of steps that are done.
    step: usize,
    done: bool,
    /// The parts of the answers that are right, and all parts.
    right: usize,
    asked: usize,
    hints: usize,
}

pub(super) fn print(file: Option<&ProgressFile>, json: bool) -> ExitCode {
    let lessons = shipped_lessons();
    let progress = file.map(ProgressFile::read).unwrap_or_default();
    let of = |lesson: &LessonFile| {
        progress
            .lessons
            .get(lesson.name())
            .cloned()
            .unwrap_or_default()
    };
    if json {
        let listed: Vec<_> = lessons
            .iter()
            .map(|lesson| listed(lesson, &of(lesson)))
            .collect();
        output::json(&listed);
        return ExitCode::SUCCESS;
    }
    let width = lessons
        .iter()
        .map(|lesson| lesson.name().len())
        .max()
        .unwrap_or(0);
    for (index, lesson) in lessons.iter().enumerate() {
        let minutes = lesson
            .lesson
            .minutes
            .map_or(String::new(), |minutes| format!("{minutes} min"));
        say(&format!(
            "{:>2}  {:width$}  {minutes:>6}  {:22}  {}\n",
            index + 1,
            lesson.name(),
            state(lesson, &of(lesson)),
            lesson.file.scenario.title
        ));
    }
    let next = lessons.iter().find(|lesson| !of(lesson).done);
    if let Some(next) = next {
        say(&format!("\nContinue with: nslab learn {}\n", next.name()));
    }
    ExitCode::SUCCESS
}

fn state(lesson: &LessonFile, progress: &LessonProgress) -> String {
    let (right, asked) = score(progress);
    if progress.done {
        format!("done, {right} of {asked} right")
    } else if progress.step > 0 || !progress.guesses.is_empty() {
        format!(
            "step {} of {}",
            progress.step + 1,
            lesson.lesson.steps.len()
        )
    } else {
        "not started".to_owned()
    }
}

/// Returns the parts of the answers that are right, and all parts that were revealed.
pub(super) fn score(progress: &LessonProgress) -> (usize, usize) {
    let results = progress.results.values();
    results.fold((0, 0), |(right, all), (r, a)| (right + r, all + a))
}

fn listed<'a>(lesson: &'a LessonFile, progress: &LessonProgress) -> ListedLesson<'a> {
    let (right, asked) = score(progress);
    let steps = lesson.lesson.steps.len();
    ListedLesson {
        name: lesson.name(),
        title: &lesson.file.scenario.title,
        minutes: lesson.lesson.minutes,
        goals: &lesson.lesson.goals,
        steps,
        step: progress.step.min(steps),
        done: progress.done,
        right,
        asked,
        hints: progress.hints,
    }
}
