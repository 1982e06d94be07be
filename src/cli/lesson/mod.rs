//! `nslab lesson`: pages for students, checks for authors, grades for teachers.

mod build;
mod check;
mod grade;
pub(super) mod kernels;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{exit, message};
use crate::backend::Backend;
use crate::learn::{self, CourseError, LessonFile, Numbers};
use crate::suite::{Options, Records};

/// Arguments of `nslab lesson`.
#[derive(Debug, Args)]
pub(super) struct LessonArguments {
    #[command(subcommand)]
    verb: LessonVerb,
}

#[derive(Debug, Subcommand)]
enum LessonVerb {
    /// Write a page for students without Linux, a handout and the answers
    ///
    /// Example: nslab lesson build handshake --html handshake.html --answers answers.html
    Build(build::BuildArguments),
    /// Check lessons: runs answer the questions, solutions pass, nothing shows an answer early
    ///
    /// Example: nslab lesson check my-lesson.yaml
    Check(check::CheckLessonArguments),
    /// Judge the answers that students saved, by running their lessons again
    ///
    /// Example: nslab lesson grade answers/ --csv grades.csv
    Grade(grade::GradeArguments),
}

pub(super) fn main(arguments: &LessonArguments) -> ExitCode {
    match &arguments.verb {
        LessonVerb::Build(arguments) => build::main(arguments),
        LessonVerb::Check(arguments) => check::main(arguments),
        LessonVerb::Grade(arguments) => grade::main(arguments),
    }
}

/// Opens a lesson with the numbers of a seed; prints the error if there is none.
fn open(name: &str, seed: Option<u64>) -> Option<LessonFile> {
    open_lesson(name, &Numbers::new(), seed)
}

/// Opens a lesson with values of its parameters, and for the others the numbers of a seed; prints the error if there is
/// none.
pub(super) fn open_lesson(name: &str, set: &Numbers, seed: Option<u64>) -> Option<LessonFile> {
    let found = learn::find(name, set).and_then(|lesson| match seed {
        Some(seed) => lesson.with_seed(seed).map_err(CourseError::Invalid),
        None => Ok(lesson),
    });
    match found {
        Ok(lesson) => Some(lesson),
        Err(CourseError::Invalid(problems)) => {
            message::problems(&problems);
            None
        }
        Err(error @ (CourseError::Unknown(_) | CourseError::NoLesson { .. })) => {
            message::error(error);
            message::help("`nslab learn --list` shows the lessons");
            None
        }
    }
}

/// Options of the runs: nothing is kept, and a run that the machine was too busy for is repeated.
fn options(backend: Backend, verify: bool) -> Options {
    Options {
        backend,
        verify,
        records: Records::None,
        retries: 2,
        ..Options::default()
    }
}

/// Returns the code for a lesson or a class with problems.
fn of_problems(any: bool) -> ExitCode {
    if any {
        exit::of(crate::record::Outcome::Failed, false)
    } else {
        ExitCode::SUCCESS
    }
}
