//! Reads answers from records: the value of a quantity, and whether a statement holds.

use std::collections::BTreeMap;
use std::time::Duration;

use super::claim::ClaimReader;
use super::decide;
use super::evidence::Evidence;
use super::metric::{ReadSpan, Reading};
use crate::record::{Offset, Timeline, Verdict};
use crate::scenario::expr::{Claim, CompareOp, Expectation, Expr};

/// The records that questions are answered from: one run, or several variants.
#[derive(Debug)]
pub struct Answers<'a>(Evidence<'a>);

impl<'a> Answers<'a> {
    /// Answers questions about one run.
    pub fn of_run(timeline: &'a Timeline) -> Self {
        Self(Evidence::of_run(timeline))
    }

    /// Answers questions that name the variant of each quantity.
    pub fn of_variants(timelines: BTreeMap<&'a str, &'a Timeline>) -> Self {
        Self(Evidence::of_variants(timelines))
    }

    /// Judges one statement.
    pub fn verdict(&self, expectation: &Expectation) -> Verdict {
        decide::verdict(expectation, &self.0)
    }

    /// Returns the value of an expression at a moment, or at the end of the run.
    ///
    /// # Errors
    /// The reason why there is no value.
    pub fn value(&self, expr: &Expr, at: Option<Duration>) -> Result<f64, String> {
        let claim = Claim::Compare {
            left: expr.clone(),
            op: CompareOp::Equal,
            right: expr.clone(),
            tolerance: None,
        };
        let mut reader =
            ClaimReader::open(&claim, ReadSpan::SoFar, &self.0).map_err(|why| why.reason)?;
        let known = self.0.known_until();
        let moment = match at.map(Offset::from_duration) {
            Some(at) if at > known => {
                return Err(format!("the run ended at {known}, before {at}"));
            }
            Some(at) => at,
            None => match self.0.cut_short() {
                Some(cut) => return Err(format!("{cut}, before its end")),
                None => self.0.end(),
            },
        };
        reader.holds(moment);
        match reader.left() {
            Reading::Value(value) => Ok(value),
            Reading::Nothing(instead) => Err(format!("it has no value ({instead})")),
        }
    }
}
