//! `nslab lesson build`: a page, a handout and the answers.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::super::backend_args::{BackendArguments, prepare_all};
use super::super::progress::Progress;
use super::super::reports::{check_files, write_file};
use super::super::runtime::cancel_on_signals;
use super::super::{exit, message, output};
use super::kernels::LessonKernels;
use super::{open, options};
use crate::learn::{LessonFile, MOST_CELLS, TrialSetup, combinations, page, run_grid};

/// The largest page, bytes. It must open at once on an old laptop and fit into a mail.
const LARGEST: usize = 3 * 1024 * 1024;

/// Arguments of `nslab lesson build`.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(super) struct BuildArguments {
    /// Name of a lesson, or a scenario file with `learn:`
    #[arg(value_name = "NAME|FILE")]
    lesson: String,
    /// Write the page for students to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the questions, for print, to this file
    #[arg(long, value_name = "FILE")]
    handout: Option<PathBuf>,
    /// Write the answers, for the teacher, to this file
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// Use the numbers of this student: 1, 2, 3, ...
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seed: Option<u64>,
    /// Encrypt the answers of the page with this word; students need it to see any answer
    #[arg(long, value_name = "WORD", requires = "html")]
    code: Option<String>,
    #[command(flatten)]
    backend: BackendArguments,
    /// Do not show progress
    #[arg(long)]
    no_progress: bool,
}

const HELP: &str = "\
The page holds a record of what this kernel did, for every setting of the
lesson's knobs. It is one file, needs no network, and opens in any current
browser. Students predict in the page and save an answers file, which
`nslab lesson grade` judges.

Without --code, the answers in the page are scrambled: nobody finds them by
accident or by a search, but the key is in the page, so it does not keep a
determined student out. With --code, they are encrypted, and the word is not in
the page.

With several --kernel options, the answers are those of the newest kernel, and
the page shows beside each of them what the older ones did.

One page per student:
  for n in $(seq 30); do
    nslab lesson build handshake --seed $n --html student-$n.html
  done";

pub(super) fn main(arguments: &BuildArguments) -> ExitCode {
    let files = [&arguments.html, &arguments.handout, &arguments.answers];
    let files: Vec<&Path> = files.into_iter().flatten().map(PathBuf::as_path).collect();
    if files.is_empty() {
        message::error("nothing to write");
        message::help(
            "name a file: --html page.html, --handout handout.html or --answers answers.html",
        );
        return exit::invalid();
    }
    if !check_files(&files) {
        return exit::invalid();
    }
    let Some(lesson) = open(&arguments.lesson, arguments.seed) else {
        return exit::invalid();
    };
    let cells = combinations(&lesson.lesson).len();
    if cells > MOST_CELLS {
        message::error(format!(
            "the knobs have {cells} settings; a page holds at most {MOST_CELLS}"
        ));
        return exit::invalid();
    }
    let only_handout = arguments.html.is_none() && arguments.answers.is_none();
    let texts = match &arguments.handout {
        Some(path) if only_handout && !page::handout_needs_runs(&lesson) => {
            Ok(vec![(path, page::handout(&lesson, None))])
        }
        Some(_) | None => with_runs(lesson, arguments),
    };
    let texts = match texts {
        Ok(texts) => texts,
        Err(code) => return code,
    };
    let mut all = true;
    for (path, text) in texts {
        let written = write_file(path, &text);
        if written {
            let size = text.len().div_ceil(1024);
            output::out(&format!("wrote {} ({size} KiB)\n", path.display()));
        }
        all &= written;
    }
    if all {
        ExitCode::SUCCESS
    } else {
        exit::errored()
    }
}

/// Runs the lesson and renders what needs its results.
fn with_runs(
    lesson: LessonFile,
    arguments: &BuildArguments,
) -> Result<Vec<(&PathBuf, String)>, ExitCode> {
    let (runtime, targets) = prepare_all(&arguments.backend)?;
    let verify = arguments.backend.verify();
    let kernels = LessonKernels::of(targets, |_, backend| options(backend, verify));
    let lesson = &lesson.on_kernels(kernels.names);
    let mut progress = Progress::new(!arguments.no_progress);
    let runs = runtime.block_on(async {
        let (stop, _signals) = cancel_on_signals();
        let setup = TrialSetup {
            options: &kernels.options,
            older: &kernels.older,
            stop,
        };
        run_grid(lesson, &setup, |event| progress.show(&event)).await
    });
    let runs = match runs {
        Ok(Some(runs)) => runs,
        Ok(None) => return Err(exit::interrupted()),
        Err(problems) => {
            message::problems(&problems);
            return Err(exit::invalid());
        }
    };
    let mut unanswered = Vec::new();
    for (_, run, prediction) in lesson.lesson.predictions() {
        let results = runs.own.of(lesson.lesson.variants_of(run));
        if let Err(reason) = results.answer(prediction) {
            unanswered.push(format!(
                "the run does not answer `{}`: {reason}",
                prediction.name
            ));
        }
    }
    if let Some(first) = unanswered.first() {
        for problem in &unanswered {
            message::warning(problem);
        }
        if unanswered.len() == lesson.lesson.predictions().len() {
            message::error(format!(
                "no question was answered, so nothing is written: {first}"
            ));
            return Err(exit::errored());
        }
    }
    let mut texts = Vec::new();
    if let Some(path) = &arguments.handout {
        texts.push((path, page::handout(lesson, Some(&runs))));
    }
    if let Some(path) = &arguments.html {
        let text = page::page(lesson, &runs, arguments.code.as_deref());
        if text.len() > LARGEST {
            message::error(format!(
                "the page has {} bytes; at most {LARGEST}",
                text.len()
            ));
            message::help("use fewer values of `knobs`, or shorter runs");
            return Err(exit::errored());
        }
        texts.push((path, text));
    }
    if let Some(path) = &arguments.answers {
        texts.push((path, page::answers(lesson, &runs)));
    }
    Ok(texts)
}
