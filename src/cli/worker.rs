//! The hidden verbs, each a separate process: one run, or the traffic of one node.

use std::process::ExitCode;

use super::{exit, message};
use crate::run;

/// Executes one run, as specified by the work order on standard input.
pub(super) fn worker() -> ExitCode {
    match run::worker(std::io::stdin(), std::io::stdout()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            message::failure(&error);
            exit::errored()
        }
    }
}

/// Generates the traffic of one node.
pub(super) fn agent() -> ExitCode {
    match run::agent(std::io::stdin(), std::io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            message::failure(&error);
            exit::errored()
        }
    }
}
