//! Runs a test in a process of its own that has the privileges a lab needs and cannot outlive the test.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::thread;

use thiserror::Error;

use super::Result;
use crate::sys::rerun::{AnswerPipe, rerun_in_sandbox};
use crate::sys::sandbox::{in_child, is_privileged, isolate};

/// Environment variable of the inner process: the name of the test it was started for.
const INSIDE: &str = "NSLAB_TESTBED";
/// Environment variable of the inner process: the descriptor on which it reports that the test has passed.
const ANSWER: &str = "NSLAB_TESTBED_ANSWER";
/// Environment variable that turns a skipped test into a failed one.
const REQUIRED: &str = "NSLAB_TESTBED_REQUIRED";
/// The report that the inner process writes to that descriptor.
const WELL: &[u8] = b"well";

/// An error of [`isolated`]: the test could not be isolated, or it failed.
#[derive(Error)]
pub enum IsolationError {
    /// The inner process cannot be started: the fork failed, or a pipe could not be created.
    #[error("cannot start an isolated process for the test")]
    Start(#[source] std::io::Error),
    /// The test failed in the inner process, or the namespaces could not be created. In the second case `code` is 126
    /// and `output` names the missing privilege.
    #[error("the isolated test failed (exit code {code}):\n{output}")]
    Failed {
        /// The exit code, or 128 plus the signal number if a signal ended the process, as in a shell.
        code: u8,
        /// All output of the inner process, standard output and standard error together.
        output: String,
    },
    /// The inner process ended successfully without reaching the end of the test. This happens if `isolated` is called
    /// from a thread that does not have the name of the test.
    #[error(
        "the isolated process did not run the test `{test}`: call `isolated` from the thread of a #[test] function \
         or from `main`; output of the process:\n{output}"
    )]
    NotReached {
        /// The name of the calling thread, which is taken as the name of the test.
        test: String,
        /// All output of the inner process, standard output and standard error together.
        output: String,
    },
}

/// Same as `Display`, because the test harness prints the `Debug` form of an error that a test returns.
impl fmt::Debug for IsolationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Runs a test in a process of its own, in new network, process and mount namespaces, and without root also in a new
/// user namespace.
///
/// The process is the same program again with arguments that select this one test. Everything the test starts ends
/// with it, and nothing on the host changes.
///
/// The call should be the whole body of a `#[test]` function (for `cargo test` or nextest) or of `main`, because code
/// around it runs in both processes.
///
/// ```ignore
/// #[test]
/// #[ignore = "needs network namespaces"]
/// fn a_node_has_its_own_sysctls() -> testbed::Result {
///     testbed::isolated(|| {
///         let bed = Testbed::build("nodes: { a: { sysctls: { net.ipv4.tcp_syncookies: 0 } } }")?;
///         let read = || std::fs::read_to_string("/proc/sys/net/ipv4/tcp_syncookies");
///         assert_eq!(bed.host("a")?.run(read)??, "0\n");
///         Ok(())
///     })
/// }
/// ```
///
/// # Errors
///
/// * [`IsolationError::Failed`] with the output of the test if it fails or panics. If the machine forbids namespaces,
///   the output names the missing privilege and how to grant it; the test is not skipped (see the
///   [module documentation](super#machines-that-forbid-namespaces)).
/// * [`IsolationError::Start`] if the process cannot be started.
/// * [`IsolationError::NotReached`] if the call is not on the thread of a test or of `main`.
/// * The test's own error: this is what the inner process returns.
pub fn isolated(test: impl FnOnce() -> Result) -> Result {
    let name = thread::current().name().unwrap_or("main").to_owned();
    if env::var(INSIDE).is_ok_and(|inside| inside == name) {
        test()?;
        let number = env::var(ANSWER).ok().and_then(|number| number.parse().ok());
        // A second call in the same test finds that the descriptor has been taken.
        if let Some(answer) = number.and_then(AnswerPipe::take) {
            answer.send(WELL)?;
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

/// Same as [`isolated`], but skips the test where the machine forbids namespaces, and says so on standard error:
/// `SKIPPED name: reason`. The test harness has no word for that and counts the test as passed, so a machine that must
/// run the test, such as a CI server, should set `NSLAB_TESTBED_REQUIRED=1`. Then a skipped test fails instead.
///
/// # Errors
/// The same as for [`isolated`], apart from missing privileges.
pub fn isolated_or_skip(test: impl FnOnce() -> Result) -> Result {
    if is_inside() || env::var_os(REQUIRED).is_some_and(|value| value == "1") {
        return isolated(test);
    }
    let Some(reason) = forbidden() else {
        return isolated(test);
    };
    let name = thread::current().name().unwrap_or("main").to_owned();
    // Written past the harness, which hides the output of tests that pass.
    let line = format!("SKIPPED {name}: {reason}\n");
    let _no_stderr = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
    Ok(())
}

/// Returns the reason why this machine forbids namespaces, if it does.
fn forbidden() -> Option<String> {
    let tried = in_child(|| match isolate(!is_privileged()) {
        Ok(()) => Vec::new(),
        Err(error) => error.to_string().into_bytes(),
    });
    let reason = tried.ok().filter(|reason| !reason.is_empty())?;
    Some(String::from_utf8_lossy(&reason).into_owned())
}

/// Returns true if [`isolated`] started this process.
pub(super) fn is_inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// The arguments that make a test program run only this test. For `main`, the arguments of this process.
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
