//! Standard output and standard error. A reader that has gone away (`| head`) is not an error; a full disk is.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::OnceLock;

use clap::builder::StyledStr;

use crate::report::terminal::Style;
use crate::report::{printable_with_colours, wrap};

/// The first error on standard output, if there was one.
static STDOUT_ERROR: OnceLock<io::Error> = OnceLock::new();

/// The stream that text for people goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Out,
    /// Standard error, because a report has standard output to itself.
    Err,
}

impl Stream {
    pub(super) fn print(self, text: &str) {
        match self {
            Self::Out => out(text),
            Self::Err => err(text),
        }
    }

    /// Returns the colours and the width that suit the stream.
    pub(super) fn style(self) -> Style {
        match self {
            Self::Out => style_for(&std::io::stdout()),
            Self::Err => style_for(&std::io::stderr()),
        }
    }
}

/// Prints to standard output, without control characters of others. An error is kept for [`stdout_error`].
pub(super) fn out(text: &str) {
    out_verbatim(&printable_with_colours(text));
}

/// Prints the content of a file to standard output as it is, unless that is a terminal.
pub(super) fn out_file(text: &str) {
    if std::io::stdout().is_terminal() {
        out(text);
    } else {
        out_verbatim(text);
    }
}

fn out_verbatim(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        let _only_the_first_counts = STDOUT_ERROR.set(error);
    }
}

/// Prints a value as JSON, with line breaks.
pub(super) fn json(value: &impl serde::Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => out_file(&(text + "\n")),
        Err(error) => {
            let _only_the_first_counts = STDOUT_ERROR.set(error.into());
        }
    }
}

/// Returns the reason why standard output is incomplete, if it is.
pub(super) fn stdout_error() -> Option<&'static io::Error> {
    STDOUT_ERROR.get()
}

/// Renders text of the argument parser, in colour if the stream shows it.
pub(super) fn coloured(text: &StyledStr, stream: &(impl IsTerminal + AsFd)) -> String {
    if style_for(stream).colour {
        text.ansi().to_string()
    } else {
        text.to_string()
    }
}

/// Prints to standard error, without control characters of others.
pub(super) fn err(text: &str) {
    let text = printable_with_colours(text);
    let mut stderr = std::io::stderr().lock();
    let _reader_gone = stderr
        .write_all(text.as_bytes())
        .and_then(|()| stderr.flush());
}

/// Returns true if the terminal takes no escape sequences, like those inside editors (terminfo(5), `dumb`).
pub(super) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Returns the style for a stream: colours only on a terminal that has them, and not if `NO_COLOR` is set
/// (no-color.org).
pub(super) fn style_for(stream: &(impl IsTerminal + AsFd)) -> Style {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    Style {
        colour: stream.is_terminal() && !unwanted && !is_dumb(),
        width: terminal_size::terminal_size_of(stream).map(|(columns, _)| columns.0),
        verbose: false,
    }
}

/// Returns true if lines of standard output have to fit a terminal.
pub(super) fn has_width() -> bool {
    style_for(&std::io::stdout()).width.is_some()
}

/// Breaks a text into lines that fit the terminal behind an indent; elsewhere only at its own line ends.
pub(super) fn indented(text: &str, indent: usize) -> String {
    let width = style_for(&std::io::stdout()).width;
    let room = width.map(|width| usize::from(width).saturating_sub(indent).max(20));
    let lines = wrap(text, room);
    lines
        .iter()
        .map(|line| format!("{:indent$}{line}\n", ""))
        .collect()
}
