//! Standard output and error. A reader that has gone (`| head`) is no error and no panic; a disk that is full is an error.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::OnceLock;

use clap::builder::StyledStr;

use super::exit;
use crate::causes::chain;
use crate::report::printable;
use crate::report::terminal::Style;

/// Why standard output does not hold all that was printed to it.
static LOST: OnceLock<io::Error> = OnceLock::new();

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
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        let _only_the_first_counts = LOST.set(error);
    }
}

/// The exit code of this process: as given, unless standard output lacks something.
pub(super) fn checked(code: ExitCode) -> ExitCode {
    let Some(why) = LOST.get() else {
        return code;
    };
    err(&format!("error: cannot write to standard output: {why}\n"));
    exit::errored()
}

/// Text of the argument parser, in colours where the stream shows them.
pub(super) fn coloured(text: &StyledStr, stream: &(impl IsTerminal + AsFd)) -> String {
    if style_for(stream).colour {
        text.ansi().to_string()
    } else {
        text.to_string()
    }
}

/// Prints to standard error.
pub(super) fn err(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _reader_gone = stderr
        .write_all(text.as_bytes())
        .and_then(|()| stderr.flush());
}

/// Prints an error with its causes to standard error, one line.
pub(super) fn error(error: &(dyn std::error::Error + 'static)) {
    err(&format!("error: {}\n", printable(&chain(error))));
}

/// Whether the terminal takes no escape sequences, as those of editors do not (terminfo(5), `dumb`).
pub(super) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Colour and columns where a person reads: a terminal; no colour where `NO_COLOR` (no-color.org) is set, or on one that has
/// none.
pub(super) fn style_for(stream: &(impl IsTerminal + AsFd)) -> Style {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    Style {
        colour: stream.is_terminal() && !unwanted && !is_dumb(),
        width: terminal_size::terminal_size_of(stream).map(|(columns, _)| columns.0),
        verbose: false,
    }
}
