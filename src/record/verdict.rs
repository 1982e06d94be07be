//! The verdict on an expectation, and on a run.

use serde::{Deserialize, Serialize};

use super::clock::Offset;
use super::outcome::Outcome;

/// The verdict on one expectation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The expectation as written, with parameters filled in.
    pub text: String,
    /// Its line in the scenario file, from 1.
    pub line: u32,
    /// Its column, from 1.
    pub column: u32,
    /// Its outcome: passed, failed, or that it could not be judged.
    pub outcome: Outcome,
    /// Every quantity in the expectation with its observed value, such as `server.TcpExtListenOverflows` and `22`.
    pub observed: Vec<Observation>,
    /// Explanation for people, if the observations do not make it obvious.
    pub reason: Option<String>,
    /// The time that decided the outcome: when the expectation first held, or first failed.
    pub decided_at: Option<Offset>,
    /// True if a quantity in it was emulated.
    pub emulated: bool,
}

impl Verdict {
    /// Returns every quantity with its value: `load.established = 197, $room = 200`; empty if nothing was observed.
    pub fn observed_text(&self) -> String {
        let each = self.observed.iter();
        let each = each.map(|each| format!("{} = {}", each.quantity, each.value));
        each.collect::<Vec<_>>().join(", ")
    }
}

/// A quantity with its observed value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The quantity as written.
    pub quantity: String,
    /// Its value with its unit, for display.
    pub value: String,
    /// The value as a number in the base unit, if it is a number. Not stored in records, which are judged again.
    #[serde(skip)]
    pub number: Option<f64>,
}

/// The verdict on one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunVerdict {
    /// The greatest outcome of its expectations, or inconclusive if the requested load could not be generated.
    pub outcome: Outcome,
    /// Explanation if no expectation decided the outcome: what is missing, what went wrong, how the load fell short.
    pub reason: Option<String>,
    /// The verdict on each expectation, in the order of the file.
    pub verdicts: Vec<Verdict>,
}

impl RunVerdict {
    /// Returns the verdicts that add something to the run's reason; none if all of them only repeat it, for example
    /// because the run did not start.
    pub fn judged(&self) -> &[Verdict] {
        let repeats = |verdict: &Verdict| {
            self.reason.is_some() && verdict.reason == self.reason && verdict.observed.is_empty()
        };
        if self.verdicts.iter().all(repeats) {
            &[]
        } else {
            &self.verdicts
        }
    }
}
