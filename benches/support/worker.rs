//! A benchmark as the worker of its own suite.

use std::process::ExitCode;

use super::bench::Measured;

/// Returns true if a suite has started this process: it starts its workers with this word.
pub(crate) fn is_asked_for() -> bool {
    std::env::args().nth(1).as_deref() == Some("worker")
}

/// Returns the exit code of a worker, and prints the reason if it failed.
pub(crate) fn end(done: Measured) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}
