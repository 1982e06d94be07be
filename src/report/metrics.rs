//! Finds the series that an expectation is about.

use crate::record::Verdict;
use crate::scenario::expr::{Expectation, MetricRef};

/// Returns the series that the expectation behind a verdict names; none if the expectation is not among those given.
pub(super) fn behind<'a>(verdict: &Verdict, expectations: &'a [Expectation]) -> Vec<&'a MetricRef> {
    let same = |expectation: &&Expectation| {
        let place = expectation.place;
        (place.line, place.column) == (verdict.line, verdict.column)
            && expectation.text == verdict.text
    };
    expectations
        .iter()
        .find(same)
        .map(Expectation::metrics)
        .unwrap_or_default()
}
