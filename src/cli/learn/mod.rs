//! `nslab learn`: lessons at the terminal, step by step.

mod fixing;
mod input;
mod list;
mod session;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use self::input::Input;
use self::session::Session;
use super::arguments::parameter;
use super::backend_args::{BackendArguments, prepare_all};
use super::lesson::kernels::LessonKernels;
use super::lesson::open_lesson;
use super::runtime::cancel_on_signals;
use super::{exit, message, output};
use crate::learn::ProgressFile;
use crate::suite::{Captures, Options, Records};

/// Arguments of `nslab learn`.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(super) struct LearnArguments {
    /// Name of a lesson, or a scenario file with `learn:`; by default, lists the lessons
    #[arg(value_name = "NAME|FILE")]
    lesson: Option<String>,
    /// List the lessons with your progress
    #[arg(long, conflicts_with = "lesson")]
    list: bool,
    /// With --list, print JSON
    #[arg(long, requires = "list")]
    json: bool,
    /// Begin at the first step again, and forget the answers so far
    #[arg(long)]
    restart: bool,
    /// Take different numbers, as another student gets them: 1, 2, 3, ...
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seed: Option<u64>,
    /// Set a parameter of the scenario; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parameter)]
    set: Vec<(String, String)>,
    /// File to edit in a `fix` step [default: NAME-fix.yaml in this folder]
    #[arg(long, value_name = "FILE")]
    fix: Option<PathBuf>,
    /// Keep a record and the packets of each run in this folder, for `nslab report`
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// File with your progress [default: $XDG_STATE_HOME/nslab/learn.json or ~/.local/state/nslab/learn.json]
    #[arg(long, value_name = "FILE")]
    progress: Option<PathBuf>,
    #[command(flatten)]
    backend: BackendArguments,
}

const HELP: &str = "\
A lesson asks what you expect, runs the experiment on this kernel, and shows
what happened beside your prediction. At each prompt, `hint` shows a hint,
`skip` goes on without an answer, and `quit` ends the session. The next
`nslab learn NAME` continues where you stopped.

In a `fix` step you edit a file. Each time you save it, the lab runs again and
shows which conditions hold.

Input may come from a pipe: one answer per line.

Exit codes:
  0  the lesson ended, or you quit
  2  the command line or the scenario file is invalid
  3  a run could not be made
  4  interrupted, or this machine could not generate the requested load";

pub(super) fn main(arguments: &LearnArguments) -> ExitCode {
    let progress = progress_file(arguments);
    let Some(name) = arguments.lesson.as_deref().filter(|_| !arguments.list) else {
        return list::print(progress.as_ref(), arguments.json);
    };
    let set = arguments.set.iter().cloned().collect();
    let Some(lesson) = open_lesson(name, &set, arguments.seed) else {
        return exit::invalid();
    };
    let (runtime, targets) = match prepare_all(&arguments.backend) {
        Ok(ready) => ready,
        Err(code) => return code,
    };
    let several = targets.len() > 1;
    // Each of several kernels has a folder of its own.
    let folder = |kernel: Option<&str>| match kernel.filter(|_| several) {
        Some(kernel) => arguments.record.as_ref().map(|folder| folder.join(kernel)),
        None => arguments.record.clone(),
    };
    let kernels = LessonKernels::of(targets, |kernel, backend| Options {
        backend,
        verify: arguments.backend.verify(),
        records: folder(kernel).map_or(Records::None, Records::All),
        captures: folder(kernel).map_or(Captures::None, Captures::All),
        retries: 1,
        ..Options::default()
    });
    let lesson = lesson.on_kernels(kernels.names.clone());
    let fix = arguments.fix.clone();
    runtime.block_on(async {
        let (stop, _signals) = cancel_on_signals();
        let input = Input::of_stdin(stop.clone());
        let fix = fix.unwrap_or_else(|| format!("{}-fix.yaml", lesson.name()).into());
        let mut session = Session::new(&lesson, progress, input, fix, &kernels);
        session.open(arguments.restart, arguments.record.as_deref());
        session.drive(stop).await
    })
}

/// Returns the file of the user's progress, if there is one. Without it, lessons work, but progress is not kept.
fn progress_file(arguments: &LearnArguments) -> Option<ProgressFile> {
    if let Some(path) = &arguments.progress {
        return Some(ProgressFile::at(path.clone()));
    }
    ProgressFile::of_user()
        .inspect_err(|error| {
            message::warning(format!("your progress is not kept: {error}"));
            message::help("name a file with --progress FILE");
        })
        .ok()
}

/// Prints text of a lesson.
fn say(text: &str) {
    output::out(text);
}
