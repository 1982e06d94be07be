//! What was judged of an expectation, and of a run.

use serde::{Deserialize, Serialize};

use super::clock::Offset;
use super::outcome::Outcome;

/// The judgement of one expectation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The expectation as written, parameters filled in.
    pub text: String,
    /// Its line in the scenario file, from 1.
    pub line: u32,
    /// Its column, from 1.
    pub column: u32,
    /// How it came out.
    pub outcome: Outcome,
    /// Every quantity in it, with what was observed: `server.TcpExtListenOverflows` and `22`.
    pub observed: Vec<Observation>,
    /// For people: why it came out so, where that is not plain from the observations.
    pub reason: Option<String>,
    /// The moment that decided: when it became true, or first false.
    pub decided_at: Option<Offset>,
    /// Whether a quantity in it was emulated.
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

/// What a quantity was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The quantity as written.
    pub quantity: String,
    /// Its value with its unit, as people read it.
    pub value: String,
    /// The same as a number in the base of its unit, where it is one. Not kept in records: they are judged again.
    #[serde(skip)]
    pub number: Option<f64>,
}

/// The judgement of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunVerdict {
    /// How the run came out: the greatest of its parts, but inconclusive where the load was not what was asked for.
    pub outcome: Outcome,
    /// Why, where it is neither passed nor failed by an expectation: what is missing, what went wrong, how load fell short.
    pub reason: Option<String>,
    /// Each expectation's verdict, in the order of the file.
    pub verdicts: Vec<Verdict>,
}

impl RunVerdict {
    /// Returns the verdicts that say more than the run's reason; none if all of them only repeat it, as those of a run
    /// that did not start do.
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
