//! The outcome of a run, a scenario or a suite.

use serde::{Deserialize, Serialize};

/// Outcomes in ascending order: the outcome of a whole is the greatest of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All expectations held.
    Passed,
    /// Left out on request.
    Skipped,
    /// All expectations held on a retry, after an attempt that failed or errored.
    Flaky,
    /// The kernel or machine lacks something the scenario needs.
    NotApplicable,
    /// This machine could not generate the requested load, so nothing can be said about the claim.
    Inconclusive,
    /// The kernel did not behave as expected.
    Failed,
    /// The run could not be carried out.
    Errored,
}

impl Outcome {
    /// Returns the outcome as displayed.
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
