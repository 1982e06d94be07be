//! Why there is no testbed, and why what was observed is not what was expected.

use std::fmt;

use thiserror::Error;

use crate::record::{Outcome, ReadError, RunVerdict};
use crate::run::RunError;
use crate::scenario::Problems;

/// Why a testbed cannot be had or has broken.
#[derive(Error)]
pub enum TestbedError {
    /// The text has mistakes.
    #[error("the scenario has mistakes:{}", listed(.0))]
    Scenario(Box<Problems>),
    /// The text describes several runs.
    #[error(
        "a testbed is one lab, and this scenario describes {count} runs: leave out `variants` and `matrix`"
    )]
    ManyRuns {
        /// How many.
        count: usize,
    },
    /// A node bounds descriptors, which takes the nslab program.
    #[error(
        "node `{node}` has `limits`, which a testbed cannot give: set RLIMIT_NOFILE in your own code"
    )]
    Nofile {
        /// The node.
        node: String,
    },
    /// There is no node of this name.
    #[error("no node `{name}`; there are: {known}")]
    NoHost {
        /// As asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// The lab cannot be built, or broke.
    #[error("cannot run the lab: {}", causes(.0))]
    Run(#[from] RunError),
    /// A testbed begins once.
    #[error("the testbed has begun already")]
    Begun,
    /// No thread.
    #[error("cannot start a thread for the testbed")]
    Thread(#[source] std::io::Error),
    /// An error of the lab's own.
    #[error("the thread of the testbed panicked")]
    Panicked,
    /// What was observed is not to be had.
    #[error("cannot keep what was observed")]
    Write(#[source] std::io::Error),
    /// What was observed makes no sense.
    #[error("cannot {0}")]
    Read(#[source] ReadError),
}

/// As they are displayed: this is how test programs show an error that a test returns.
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

/// An expectation of the testbed did not hold, or could not be judged.
#[derive(Error)]
#[error("{}", told(.0))]
pub struct NotPassed(pub(super) RunVerdict);

fn told(verdict: &RunVerdict) -> String {
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
