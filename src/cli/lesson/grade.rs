//! `nslab lesson grade`: judges the answers of a class.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::super::backend_args::{BackendArguments, prepare_all};
use super::super::progress::Progress;
use super::super::reports::{check_files, write_file};
use super::super::runtime::cancel_on_signals;
use super::super::{exit, message, output};
use super::kernels::LessonKernels;
use super::{of_problems, options};
use crate::learn::{self, Grade, LessonFile, TrialSetup, read_sheets};
use crate::report::one_line;

/// Arguments of `nslab lesson grade`.
#[derive(Debug, Args)]
pub(super) struct GradeArguments {
    /// Folder with the answers files (*.json)
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Scenario file of a lesson that is not shipped; may be repeated
    #[arg(long = "lesson", value_name = "FILE")]
    lessons: Vec<String>,
    /// Write a line per answer to this file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write JUnit XML, with a suite per student, to this file
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a picture of the class's predictions, without names, to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    backend: BackendArguments,
    /// Do not show progress
    #[arg(long)]
    no_progress: bool,
}

pub(super) fn main(arguments: &GradeArguments) -> ExitCode {
    let files = [&arguments.csv, &arguments.junit, &arguments.html];
    let files: Vec<&Path> = files.into_iter().flatten().map(PathBuf::as_path).collect();
    if !check_files(&files) {
        return exit::invalid();
    }
    let (sheets, refused) = match read_sheets(&arguments.folder) {
        Ok(read) => read,
        Err(error) => {
            message::error(format!(
                "cannot read {}: {error}",
                arguments.folder.display()
            ));
            return exit::invalid();
        }
    };
    if sheets.is_empty() && refused.is_empty() {
        message::error(format!(
            "no answers files (*.json) in {}",
            arguments.folder.display()
        ));
        return exit::invalid();
    }
    let mut own = BTreeMap::new();
    for name in &arguments.lessons {
        let Some(lesson) = super::open(name, None) else {
            return exit::invalid();
        };
        own.insert(lesson.name().to_owned(), lesson);
    }
    // A lesson of the user's own goes before a shipped one of the same name.
    let shipped = learn::shipped_lessons().into_iter();
    let mut known: BTreeMap<String, LessonFile> = shipped
        .map(|lesson| (lesson.name().to_owned(), lesson))
        .collect();
    known.append(&mut own);
    let (runtime, targets) = match prepare_all(&arguments.backend) {
        Ok(ready) => ready,
        Err(code) => return code,
    };
    let verify = arguments.backend.verify();
    let kernels = LessonKernels::of(targets, |_, backend| options(backend, verify));
    let mut progress = Progress::new(!arguments.no_progress);
    // A file of a student must not name a path.
    let find = |name: &str| {
        let lesson = known.get(name).cloned();
        let lesson = lesson.map(|lesson| lesson.on_kernels(kernels.names.clone()));
        lesson.ok_or_else(|| {
            format!("no shipped lesson is called `{name}`; name its file with --lesson")
        })
    };
    let grade = runtime.block_on(async {
        let (stop, _signals) = cancel_on_signals();
        let setup = TrialSetup {
            options: &kernels.options,
            older: &kernels.older,
            stop,
        };
        learn::grade(&sheets, find, &setup, |event| progress.show(&event)).await
    });
    let Some(mut grade) = grade else {
        return exit::interrupted();
    };
    grade.refused.splice(0..0, refused);
    print(&grade);
    let csv = match learn::csv(&grade) {
        Ok(csv) => csv,
        Err(error) => {
            message::failure(&error);
            return exit::errored();
        }
    };
    let junit = learn::junit(&grade);
    let picture = learn::page::class_picture(&grade);
    let files = [
        (&arguments.csv, csv),
        (&arguments.junit, junit),
        (&arguments.html, picture),
    ];
    let mut all = true;
    for (path, text) in files {
        if let Some(path) = path {
            all &= write_file(path, &text);
        }
    }
    if all {
        of_problems(!grade.refused.is_empty())
    } else {
        exit::errored()
    }
}

/// Prints a line per student.
fn print(grade: &Grade) {
    let mut students: BTreeMap<(&str, &str), (usize, usize, usize)> = BTreeMap::new();
    for row in &grade.rows {
        let (right, of, undecided) = students.entry((&row.file, &row.student)).or_default();
        match row.right {
            Some(parts) => {
                *right += parts;
                *of += row.of;
            }
            None => *undecided += 1,
        }
    }
    for ((file, student), (right, of, undecided)) in students {
        let open = match undecided {
            0 => String::new(),
            count => format!(", {count} undecided"),
        };
        output::out(&format!(
            "{right:>3} of {of}{open}  {}  ({})\n",
            one_line(student),
            one_line(file)
        ));
    }
    for refused in &grade.refused {
        output::out(&format!("refused  {}\n", one_line(&refused.to_string())));
    }
    for copy in &grade.copies {
        output::out(&format!("look at  {}\n", one_line(copy)));
    }
    output::out(&format!("{} runs\n", grade.runs));
}
