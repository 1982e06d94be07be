//! Standard output and error. A reader that has gone (`| head`) is no error and no panic.

use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;

use crate::report::terminal::Style;

/// Where text for people goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// Standard output.
    Out,
    /// Standard error: a report has standard output to itself.
    Err,
}

impl Stream {
    /// Prints.
    pub(super) fn print(self, text: &str) {
        match self {
            Self::Out => out(text),
            Self::Err => err(text),
        }
    }

    /// How to show on it.
    pub(super) fn style(self) -> Style {
        match self {
            Self::Out => style_for(&std::io::stdout()),
            Self::Err => style_for(&std::io::stderr()),
        }
    }
}

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
    err(&format!("error: {}\n", chain(error)));
}

/// An error with its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Colour and columns where a person reads: a terminal; no colour where `NO_COLOR` (no-color.org) is set.
pub(super) fn style_for(stream: &(impl IsTerminal + AsFd)) -> Style {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    Style {
        colour: stream.is_terminal() && !unwanted,
        width: terminal_size::terminal_size_of(stream).map(|(columns, _)| columns.0),
        verbose: false,
    }
}
