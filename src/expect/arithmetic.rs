//! Arithmetic and comparison of numbers with units.
//!
//! Numbers are doubles. Whole numbers compare exactly. Others, which come from divisions, means and times, are
//! equal if they differ by no more than [`ROUNDING`] of the greater, which is what the arithmetic itself may add.
//! `±` counts from the right side and includes its ends, as `in` does.

use std::cmp::Ordering;

use super::metric::Reading;
use crate::scenario::expr::{ArithmeticOp, CompareOp, Tolerance};

/// A double carries 53 bits, so each operation is off by up to 1.1e-16 of its result; this leaves room for thousands.
const ROUNDING: f64 = 1e-12;

/// Calculates one operation, which may have no finite result.
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
        Reading::Nothing("too large a number")
    }
}

/// Returns true if a comparison holds. A tolerance widens equality.
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

/// Returns true if a number lies between two others or equals one of them.
pub(super) fn lies_in(value: f64, low: f64, high: f64) -> bool {
    order(low, value).is_le() && order(value, high).is_le()
}

/// Orders two finite numbers, ignoring rounding errors unless both are whole.
fn order(left: f64, right: f64) -> Ordering {
    let whole = left.fract() == 0.0 && right.fract() == 0.0;
    if !whole && (left - right).abs() <= ROUNDING * left.abs().max(right.abs()) {
        return Ordering::Equal;
    }
    left.total_cmp(&right)
}
