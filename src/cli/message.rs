//! Messages on standard error: errors, warnings, notes and help. Nothing else in `cli` writes these words.

use std::error::Error;
use std::fmt::Display;

use super::output;
use crate::causes::chain;
use crate::report::printable;
use crate::scenario::Problems;

pub(super) fn error(text: impl Display) {
    line("error", text);
}

pub(super) fn warning(text: impl Display) {
    line("warning", text);
}

pub(super) fn note(text: impl Display) {
    line("note", text);
}

/// Prints a way out of the error above it.
pub(super) fn help(text: impl Display) {
    line("help", text);
}

/// Prints an error with its causes.
pub(super) fn failure(error: &(dyn Error + 'static)) {
    self::error(chain(error));
}

/// Prints several errors, each with its causes.
pub(super) fn failures<E: Error + 'static>(errors: &[E]) {
    for error in errors {
        failure(error);
    }
}

/// Prints the problems of a scenario file with their excerpts, in the style of rustc.
pub(super) fn problems(problems: &Problems) {
    output::err(&problems.render(output::style_for(&std::io::stderr()).colour));
}

fn line(level: &str, text: impl Display) {
    output::err(&format!("{level}: {}\n", printable(&text.to_string())));
}
