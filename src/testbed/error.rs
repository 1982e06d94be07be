//! Errors of a testbed: it cannot be built or has broken, or its expectations did not hold.

use std::fmt;

use thiserror::Error;

use crate::record::{Outcome, ReadError, RunVerdict};
use crate::run::RunError;
use crate::scenario::Problems;

/// A testbed cannot be built, or the lab itself has broken.
#[derive(Error)]
pub enum TestbedError {
    /// The text has mistakes; all of them are listed.
    #[error("the scenario has mistakes:{}", listed(.0))]
    Scenario(Box<Problems>),
    /// The text describes several runs, by `variants` or a `matrix`.
    #[error(
        "a testbed is one lab, and this scenario describes {count} runs: leave out `variants` and `matrix`"
    )]
    ManyRuns {
        /// The number of runs.
        count: usize,
    },
    /// A node has `limits`. Servers and clients on such a node need processes of the nslab program, and a test program
    /// is a different one.
    #[error(
        "node `{node}` has `limits`, which a testbed does not support: set RLIMIT_NOFILE in your own code"
    )]
    Nofile {
        /// The node with the `limits`.
        node: String,
    },
    /// The text has no node with the requested name.
    #[error("no node named `{name}`; available: {known}")]
    NoHost {
        /// The name that was requested.
        name: String,
        /// The names of all nodes, separated by commas.
        known: String,
    },
    /// The lab cannot be built on this machine, or it broke during the run.
    #[error("cannot run the lab: {}", causes(.0))]
    Run(#[from] RunError),
    /// [`Testbed::begin`](super::Testbed::begin) was called a second time.
    #[error("the testbed has already begun")]
    AlreadyBegun,
    /// A thread cannot be started.
    #[error("cannot start a thread for the testbed")]
    Thread(#[source] std::io::Error),
    /// A thread of the lab panicked, which is a bug in nslab.
    #[error("the thread of the testbed panicked")]
    Panicked,
    /// The events of the run could not be kept in memory.
    #[error("cannot keep the recorded events")]
    Write(#[source] std::io::Error),
    /// The recorded events could not be read back.
    #[error("cannot {0}")]
    Read(#[source] ReadError),
}

/// Same as `Display`, because the test harness prints the `Debug` form of an error that a test returns.
impl fmt::Debug for TestbedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for NotPassed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn listed(problems: &Problems) -> String {
    problems
        .problems
        .iter()
        .fold(String::new(), |text, problem| {
            let help = problem.help.as_deref().map(|help| format!(" ({help})"));
            format!("{text}\n  {}{}", problem.message, help.unwrap_or_default())
        })
}

fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The run did not pass: an expectation did not hold, or the run could not be judged.
///
/// `Display` prints the outcome, the reason if there is one, and for each expectation that did not pass its line, its
/// text and the observed values.
#[derive(Error)]
#[error("{}", described(.0))]
pub struct NotPassed(pub(super) RunVerdict);

fn described(verdict: &RunVerdict) -> String {
    use fmt::Write as _;
    let mut text = format!("the testbed {}", verdict.outcome);
    if let Some(reason) = &verdict.reason {
        let _cannot_fail = write!(text, ": {reason}");
    }
    let wrong = verdict
        .verdicts
        .iter()
        .filter(|v| v.outcome != Outcome::Passed);
    for verdict in wrong {
        let _cannot_fail = write!(text, "\n  line {}: {}", verdict.line, verdict.text);
        for seen in &verdict.observed {
            let _cannot_fail = write!(text, "; {} was {}", seen.quantity, seen.value);
        }
        if let Some(reason) = &verdict.reason {
            let _cannot_fail = write!(text, " ({reason})");
        }
    }
    text
}
