//! Which series an expectation is about.

use crate::record::Verdict;
use crate::scenario::expr::{Claim, Expectation, Expr, MetricRef};

/// The series that an expectation names, each once, in its order.
pub(super) fn named(expectation: &Expectation) -> Vec<&MetricRef> {
    let mut found = Vec::new();
    match &expectation.claim {
        Claim::Compare { left, right, .. } => {
            collect(left, &mut found);
            collect(right, &mut found);
        }
        Claim::In { value, low, high } => {
            collect(value, &mut found);
            collect(low, &mut found);
            collect(high, &mut found);
        }
        Claim::Matches { metric, .. } => found.push(metric),
    }
    found
}

/// The series that the expectation behind a verdict names; none where the expectation is not among those given.
pub(super) fn behind<'a>(verdict: &Verdict, expectations: &'a [Expectation]) -> Vec<&'a MetricRef> {
    let same = |expectation: &&Expectation| {
        let place = expectation.place;
        (place.line, place.column) == (verdict.line, verdict.column)
            && expectation.text == verdict.text
    };
    expectations
        .iter()
        .find(same)
        .map(named)
        .unwrap_or_default()
}

fn collect<'a>(expr: &'a Expr, found: &mut Vec<&'a MetricRef>) {
    match expr {
        Expr::Number { .. } => {}
        Expr::Metric(metric) | Expr::Series { metric, .. } => {
            if !found.contains(&metric) {
                found.push(metric);
            }
        }
        Expr::Binary { left, right, .. } => {
            collect(left, found);
            collect(right, found);
        }
        Expr::Negate(inner) => collect(inner, found),
    }
}
