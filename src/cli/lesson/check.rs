//! `nslab lesson check`: checks lessons for their authors.

use std::process::ExitCode;

use clap::Args;

use super::super::backend_args::{BackendArguments, prepare_one};
use super::super::progress::Progress;
use super::super::runtime::cancel_on_signals;
use super::super::{exit, output};
use super::{of_problems, open, options};
use crate::learn::{LessonFile, check_lesson, shipped_lessons};
use crate::report::one_line;

/// Arguments of `nslab lesson check`.
#[derive(Debug, Args)]
pub(super) struct CheckLessonArguments {
    /// Names of lessons, or scenario files with `learn:`; by default, all shipped lessons
    #[arg(value_name = "NAME|FILE")]
    lessons: Vec<String>,
    #[command(flatten)]
    backend: BackendArguments,
    /// Do not show progress
    #[arg(long)]
    no_progress: bool,
}

pub(super) fn main(arguments: &CheckLessonArguments) -> ExitCode {
    let lessons: Option<Vec<LessonFile>> = match arguments.lessons.is_empty() {
        true => Some(shipped_lessons()),
        false => arguments
            .lessons
            .iter()
            .map(|name| open(name, None))
            .collect(),
    };
    let Some(lessons) = lessons else {
        return exit::invalid();
    };
    let (runtime, target) = match prepare_one(&arguments.backend) {
        Ok(ready) => ready,
        Err(code) => return code,
    };
    let options = options(target.backend, arguments.backend.verify());
    runtime.block_on(async {
        let (stop, _signals) = cancel_on_signals();
        let mut problems = false;
        for lesson in &lessons {
            let mut progress = Progress::new(!arguments.no_progress);
            let checks = check_lesson(lesson, &options, stop.clone(), |event| {
                progress.show(&event)
            })
            .await;
            let Some(checks) = checks else {
                return exit::interrupted();
            };
            let bad = checks
                .iter()
                .filter(|check| check.problem.is_some())
                .count();
            let word = if bad == 0 { "ok" } else { "FAIL" };
            output::out(&format!(
                "{word} {} ({} checks)\n",
                lesson.name(),
                checks.len()
            ));
            for check in &checks {
                if let Some(problem) = &check.problem {
                    output::out(&format!(
                        "  ✗ {}: {}\n",
                        one_line(&check.what),
                        one_line(problem)
                    ));
                }
            }
            problems |= bad > 0;
        }
        of_problems(problems)
    })
}
