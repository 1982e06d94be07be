//! How a run, a scenario or a suite came out.

use serde::{Deserialize, Serialize};

/// Outcomes, ordered: that of a whole is the greatest of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every expectation held.
    Passed,
    /// Asked to be left out.
    Skipped,
    /// Every expectation held when it was tried again, after one that failed or could not be asked.
    Flaky,
    /// This kernel or machine lacks what the scenario needs.
    NotApplicable,
    /// The load was not what the scenario asked for: nothing is said about the claim.
    Inconclusive,
    /// The kernel behaved otherwise than expected.
    Failed,
    /// The question could not be asked.
    Errored,
}

impl Outcome {
    /// As people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Skipped => "skipped",
            Self::Flaky => "flaky",
            Self::NotApplicable => "not applicable",
            Self::Inconclusive => "inconclusive",
            Self::Failed => "failed",
            Self::Errored => "errored",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
