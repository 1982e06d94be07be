//! A test in a process of its own, with the privileges that a lab takes, and with a certain end.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::thread;

use thiserror::Error;

use super::Result;
use crate::sys::rerun::{Answer, rerun_in_sandbox};

/// Set in the process inside; says for which test it was started.
const INSIDE: &str = "NSLAB_TESTBED";
/// The descriptor by which the process inside says that the test came to its end.
const ANSWER: &str = "NSLAB_TESTBED_ANSWER";
/// What it says.
const WELL: &[u8] = b"well";

/// Why a test could not be isolated, or how it failed.
#[derive(Error)]
pub enum IsolationError {
    /// No process.
    #[error("cannot start the test in a process of its own")]
    Start(#[source] std::io::Error),
    /// It failed; or there is no sandbox, and the output says why.
    #[error("failed in its own process (exit code {code}):\n{output}")]
    Failed {
        /// As of a shell.
        code: u8,
        /// Everything that it wrote.
        output: String,
    },
    /// It ended without having come to the end of the test.
    #[error(
        "the test `{test}` was not found in a process of its own: call `isolated` from the thread of a #[test] function \
         or from `main`; it wrote:\n{output}"
    )]
    NotReached {
        /// The name of the thread.
        test: String,
        /// Everything that it wrote.
        output: String,
    },
}

/// As it is displayed: this is how test programs show an error that a test returns.
impl fmt::Debug for IsolationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Runs a test in a process of its own: the same program once more, told to run this test alone, in new namespaces for network,
/// processes and mounts, and, without root, in a user namespace. What the test starts ends with it, whatever happens, and
/// nothing on the host changes.
///
/// To be the whole of a `#[test]` function (cargo test, nextest), or of `main`: what stands around the call is run in both processes.
///
/// # Errors
/// That of the test, with its output; or which privilege is missing, and how to get it.
pub fn isolated(test: impl FnOnce() -> Result) -> Result {
    let name = thread::current().name().unwrap_or("main").to_owned();
    if env::var(INSIDE).is_ok_and(|inside| inside == name) {
        test()?;
        let number = env::var(ANSWER).ok().and_then(|number| number.parse().ok());
        // A second call within the same test finds it taken.
        if let Some(answer) = number.and_then(Answer::take) {
            answer.say(WELL)?;
        }
        return Ok(());
    }
    let mut environment: Vec<(OsString, OsString)> = env::vars_os().collect();
    environment.push((INSIDE.into(), name.clone().into()));
    let ended =
        rerun_in_sandbox(arguments(&name), environment, ANSWER).map_err(IsolationError::Start)?;
    if ended.code != 0 {
        let (code, output) = (ended.code, ended.output);
        return Err(IsolationError::Failed { code, output }.into());
    }
    if ended.answer != WELL {
        let output = ended.output;
        return Err(IsolationError::NotReached { test: name, output }.into());
    }
    Ok(())
}

/// Whether this process was made by [`isolated`].
pub(super) fn is_inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// Those that have a test program run this test alone; `main` gets its own again.
fn arguments(test: &str) -> Vec<OsString> {
    let mut own = env::args_os();
    if test == "main" {
        return own.collect();
    }
    let program = own.next().unwrap_or_else(|| "test".into());
    let alone = [
        "--exact",
        test,
        "--include-ignored",
        "--nocapture",
        "--test-threads=1",
    ];
    std::iter::once(program)
        .chain(alone.map(OsString::from))
        .collect()
}
