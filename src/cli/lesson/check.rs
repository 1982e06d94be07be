//! `nslab lesson check`: checks lessons for their authors.

use std::process::ExitCode;

use clap::Args;

use super::super::backend_args::{BackendArguments, prepare_all};
use super::super::progress::Progress;
use super::super::runtime::cancel_on_signals;
use super::super::{exit, output};
use super::kernels::LessonKernels;
use super::{of_problems, open, options};
use crate::learn::{LessonFile, TrialSetup, check_lesson, shipped_lessons};
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
    let (runtime, targets) = match prepare_all(&arguments.backend) {
        Ok(ready) => ready,
        Err(code) => return code,
    };
    let verify = arguments.backend.verify();
    let kernels = LessonKernels::of(targets, |_, backend| options(backend, verify));
    runtime.block_on(async {
        let (stop, _signals) = cancel_on_signals();
        let mut problems = false;
        for lesson in lessons {
            let lesson = lesson.on_kernels(kernels.names.clone());
            let mut progress = Progress::new(!arguments.no_progress);
            let setup = TrialSetup {
                options: &kernels.options,
                older: &kernels.older,
                stop: stop.clone(),
            };
            let checks = check_lesson(&lesson, &setup, |event| progress.show(&event)).await;
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
