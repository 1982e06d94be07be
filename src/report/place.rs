//! The place of a result in its scenario file, to which editors and CI pages jump.

use crate::record::{Outcome, Verdict};
use crate::suite::{RunResult, ScenarioFile};

/// A place in a file. Lines and columns count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FilePlace<'a> {
    /// The path as given, without a leading `./`: CI pages identify files by their path from the top of the repository.
    pub(super) path: &'a str,
    pub(super) line: u32,
    pub(super) column: u32,
}

impl<'a> FilePlace<'a> {
    /// Returns the place of an expectation.
    pub(super) fn of_verdict(file: &'a ScenarioFile, verdict: &Verdict) -> Self {
        Self {
            path: path(file),
            line: verdict.line.max(1),
            column: verdict.column.max(1),
        }
    }

    /// Returns the line with the name of a scenario; the first line if it has none.
    pub(super) fn of_scenario(file: &'a ScenarioFile) -> Self {
        let named = file.text.lines().position(|line| line.starts_with("name:"));
        let line = named
            .and_then(|index| u32::try_from(index + 1).ok())
            .unwrap_or(1);
        Self {
            path: path(file),
            line,
            column: 1,
        }
    }

    /// Returns the place of the first expectation with this outcome; that of the scenario if there is none.
    pub(super) fn of_outcome(
        file: &'a ScenarioFile,
        verdicts: &[Verdict],
        outcome: Outcome,
    ) -> Self {
        let first = verdicts
            .iter()
            .find(|verdict| verdict.outcome == outcome && outcome != Outcome::Passed);
        first.map_or_else(
            || Self::of_scenario(file),
            |verdict| Self::of_verdict(file, verdict),
        )
    }

    /// Returns the place of the expectation that decided a run.
    pub(super) fn of_run(file: &'a ScenarioFile, run: &RunResult) -> Self {
        // A run that did not start has no expectation to blame.
        let verdicts = match run.verdict.outcome {
            Outcome::Errored => run.verdict.judged(),
            _ => &run.verdict.verdicts,
        };
        Self::of_outcome(file, verdicts, run.verdict.outcome)
    }
}

impl std::fmt::Display for FilePlace<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.path, self.line, self.column)
    }
}

fn path(file: &ScenarioFile) -> &str {
    file.label.trim_start_matches("./")
}
