//! The style of terminal output: colour, width, verbosity. The default is plain text of any width, as for a log.

use crate::record::Outcome;

/// The style of terminal output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// True for output with ANSI colours (ECMA-48 SGR).
    pub colour: bool,
    /// Columns of the terminal; `None` for a file or a pipe, where nothing is cut or wrapped.
    pub width: Option<u16>,
    /// True to show the load and the metrics of passed runs too.
    pub verbose: bool,
}

impl Style {
    /// Returns the columns to the right of an indent; at least 20, below which nothing is readable.
    pub(in crate::report) fn room(self, indent: usize) -> Option<usize> {
        self.width
            .map(|width| usize::from(width).saturating_sub(indent).max(20))
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    pub(in crate::report) fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(in crate::report) fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(super) fn warn(self, text: &str) -> String {
        self.paint("33", text)
    }

    pub(in crate::report) fn colour(self, outcome: Outcome, text: &str) -> String {
        let code = match outcome {
            Outcome::Passed => "32",
            Outcome::Skipped => "2",
            Outcome::Flaky => "33",
            Outcome::NotApplicable => "36",
            Outcome::Inconclusive => "33",
            Outcome::Failed => "31",
            Outcome::Errored => "35",
        };
        self.paint(code, text)
    }

    /// Returns a word of four letters, so that columns stay aligned.
    pub(in crate::report) fn outcome(self, outcome: Outcome) -> String {
        let word = match outcome {
            Outcome::Passed => "PASS",
            Outcome::Skipped => "SKIP",
            Outcome::Flaky => "FLKY",
            Outcome::NotApplicable => "N/A ",
            Outcome::Inconclusive => "????",
            Outcome::Failed => "FAIL",
            Outcome::Errored => "ERR ",
        };
        self.colour(outcome, word)
    }

    /// Returns the mark in front of an expectation.
    pub(super) fn mark(self, outcome: Outcome) -> String {
        let mark = match outcome {
            Outcome::Passed | Outcome::Flaky => "✓",
            Outcome::Skipped | Outcome::NotApplicable => "-",
            Outcome::Inconclusive => "?",
            Outcome::Failed | Outcome::Errored => "✗",
        };
        self.colour(outcome, mark)
    }
}
