//! The hidden verbs: one run, or the traffic of one node, as a process of its own.

use std::process::ExitCode;

use super::exit;
use crate::run;

/// One run.
pub(super) fn worker() -> ExitCode {
    match run::worker(std::io::stdin(), std::io::stdout()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            super::output::error(&error);
            exit::errored()
        }
    }
}

/// The traffic of one node.
pub(super) fn agent() -> ExitCode {
    match run::agent(std::io::stdin(), std::io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            super::output::error(&error);
            exit::errored()
        }
    }
}
