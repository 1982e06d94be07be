//! Standard output and error. A reader that has gone (`| head`) is no error and no panic.

use std::io::{IsTerminal, Write};

use crate::report::terminal::Style;

/// Prints to standard output.
pub(super) fn out(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _reader_gone = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}

/// Prints to standard error.
pub(super) fn err(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _reader_gone = stderr
        .write_all(text.as_bytes())
        .and_then(|()| stderr.flush());
}

/// Prints an error with its causes to standard error, one line.
pub(super) fn error(error: &dyn std::error::Error) {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let text = causes.fold(format!("error: {error}"), |text, cause| {
        format!("{text}: {cause}")
    });
    err(&(text + "\n"));
}

/// Colour where a person reads: a terminal, and `NO_COLOR` (no-color.org) is not set.
pub(super) fn style_for(stream: &impl IsTerminal) -> Style {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    Style {
        colour: stream.is_terminal() && !unwanted,
        ..Style::default()
    }
}
