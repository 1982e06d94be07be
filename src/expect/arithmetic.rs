//! Numbers: what an expression counts, calculating, comparing.
//!
//! Numbers are doubles. Whole numbers compare exactly; others, which come of divisions, means and times, are equal where
//! they differ by no more than [`ROUNDING`] of the greater: what the arithmetic itself may add. `±` counts from the right
//! side and includes its ends, as `in` does.

use std::cmp::Ordering;

use super::metric::Reading;
use crate::scenario::expr::{ArithmeticOp, CompareOp, Expr, SeriesFunction, Tolerance};
use crate::units::Unit;

/// A double carries 53 bits, so that an operation is off by 1.1e-16 of its result; this leaves room for thousands.
const ROUNDING: f64 = 1e-12;

/// What an expression counts, as far as showing it needs.
pub(super) fn unit(expr: &Expr) -> Unit {
    match expr {
        Expr::Number { unit, .. } => *unit,
        Expr::Metric(metric) => metric.unit,
        Expr::Series { function, metric } => match (function, metric.unit) {
            (SeriesFunction::First, _) => Unit::Seconds,
            (SeriesFunction::Rate, Unit::Count) => Unit::PerSecond,
            (SeriesFunction::Rate, Unit::Bytes) => Unit::BytesPerSecond,
            (SeriesFunction::Rate, _) => Unit::Count,
            (_, unit) => unit,
        },
        Expr::Negate(inner) => unit(inner),
        Expr::Binary { op, left, right } => match (op, unit(left), unit(right)) {
            (ArithmeticOp::Add | ArithmeticOp::Subtract, left, _) => left,
            (ArithmeticOp::Multiply, Unit::PerSecond, Unit::Seconds)
            | (ArithmeticOp::Multiply, Unit::Seconds, Unit::PerSecond) => Unit::Count,
            (ArithmeticOp::Multiply, Unit::BytesPerSecond, Unit::Seconds)
            | (ArithmeticOp::Multiply, Unit::Seconds, Unit::BytesPerSecond) => Unit::Bytes,
            (ArithmeticOp::Multiply, Unit::Count, right) => right,
            (ArithmeticOp::Multiply, left, _) => left,
            (ArithmeticOp::Divide, left, right) if left == right => Unit::Count,
            (ArithmeticOp::Divide, Unit::Count, Unit::Seconds) => Unit::PerSecond,
            (ArithmeticOp::Divide, Unit::Bytes, Unit::Seconds) => Unit::BytesPerSecond,
            (ArithmeticOp::Divide, Unit::Count, Unit::PerSecond)
            | (ArithmeticOp::Divide, Unit::Bytes, Unit::BytesPerSecond) => Unit::Seconds,
            (ArithmeticOp::Divide, left, _) => left,
        },
    }
}

/// One operation; nothing where it has no finite result.
pub(super) fn calculate(op: ArithmeticOp, left: f64, right: f64) -> Reading {
    let result = match op {
        ArithmeticOp::Add => left + right,
        ArithmeticOp::Subtract => left - right,
        ArithmeticOp::Multiply => left * right,
        ArithmeticOp::Divide if right == 0.0 => return Reading::Nothing("divided by zero"),
        ArithmeticOp::Divide => left / right,
    };
    if result.is_finite() {
        Reading::Value(result)
    } else {
        Reading::Nothing("too great a number")
    }
}

/// Whether a comparison holds; the tolerance widens equality.
pub(super) fn compared(left: f64, op: CompareOp, right: f64, tolerance: Option<Tolerance>) -> bool {
    let equal = match tolerance {
        None => order(left, right).is_eq(),
        Some(Tolerance::Relative(share)) => {
            order((left - right).abs(), share * right.abs()).is_le()
        }
        Some(Tolerance::Absolute(most)) => order((left - right).abs(), most).is_le(),
    };
    match op {
        CompareOp::Equal => equal,
        CompareOp::NotEqual => !equal,
        CompareOp::Less => order(left, right).is_lt(),
        CompareOp::LessOrEqual => order(left, right).is_le(),
        CompareOp::Greater => order(left, right).is_gt(),
        CompareOp::GreaterOrEqual => order(left, right).is_ge(),
    }
}

/// Whether a number lies between two others or is one of them.
pub(super) fn lies_in(value: f64, low: f64, high: f64) -> bool {
    order(low, value).is_le() && order(value, high).is_le()
}

/// The order of two finite numbers, with rounding forgiven where one is not whole.
fn order(left: f64, right: f64) -> Ordering {
    let whole = left.fract() == 0.0 && right.fract() == 0.0;
    if !whole && (left - right).abs() <= ROUNDING * left.abs().max(right.abs()) {
        return Ordering::Equal;
    }
    left.total_cmp(&right)
}
