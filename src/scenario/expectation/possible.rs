//! Refuses comparisons that no run can decide: with a negative number, or of a count with a fraction.

use std::ops::Range;

use super::syntax::At;
use super::typing::{Typed, Typing};
use crate::scenario::expr::{CompareOp, Expr, SeriesFunction};
use crate::units::Unit;

impl Typing<'_> {
    /// Checks a comparison of a series with a constant, whichever side each is on.
    pub(super) fn check_possible(
        &mut self,
        sides: [(&Typed, &Range<usize>); 2],
        op: &At<CompareOp>,
        tolerant: bool,
    ) {
        let [(Some((left, _)), left_at), (Some((right, _)), right_at)] = sides else {
            return;
        };
        let (series, value, at) = match (written(left), written(right)) {
            (None, Some(value)) => (left, value, right_at),
            (Some(value), None) => (right, value, left_at),
            _ => return,
        };
        // Differences can be negative, and so can the rate at which a gauge changes.
        let (unit, whole) = match series {
            Expr::Metric(metric) => (metric.unit, true),
            Expr::Series { function, metric } if *function != SeriesFunction::Rate => {
                (metric.unit, *function == SeriesFunction::Last)
            }
            _ => return,
        };
        let equality = matches!(op.value, CompareOp::Equal | CompareOp::NotEqual);
        if value < 0.0 {
            self.fault(at.clone(), "no quantity is negative").help =
                Some("a difference can be: `load.attempted - load.established`".to_owned());
        } else if equality && !tolerant && whole && unit == Unit::Count && value.fract() != 0.0 {
            self.fault(at.clone(), "a count is a whole number").help =
                Some("compare it with `>=` or `<=`, or give a tolerance: `± 2%`".to_owned());
        }
    }
}

/// Returns a number as the line has it. One that is calculated, from parameters, differs from run to run.
fn written(side: &Expr) -> Option<f64> {
    match side {
        Expr::Number { value, .. } => Some(*value),
        Expr::Negate(inner) => written(inner).map(|value| -value),
        _ => None,
    }
}
