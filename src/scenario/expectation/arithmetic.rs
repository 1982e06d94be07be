//! Arithmetic on named quantities, outside expectations: `1.6 * limit`, `attempts / 4s`, `exp2(value)`.

use super::grammar;
use super::syntax::{Expr, ExprKind};
use super::units::Units;
use crate::scenario::expr::ArithmeticOp;
use crate::units::Unit;

/// Calculates an expression. `named` returns the quantity that a name stands for.
///
/// # Errors
/// The reason in words: the text is not an expression, a name is unknown, or units do not fit.
pub(crate) fn calculate(
    text: &str,
    named: &dyn Fn(&str) -> Option<(f64, Unit)>,
) -> Result<(f64, Unit), String> {
    let expr = grammar::arithmetic(text).map_err(|unreadable| unreadable.message)?;
    let (value, units) = evaluate(&expr, named)?;
    let unit = units
        .unit()
        .ok_or_else(|| format!("the result is {}", units.describe()))?;
    if value.is_finite() {
        Ok((value, unit))
    } else {
        Err("the result is not a number".to_owned())
    }
}

fn evaluate(
    expr: &Expr,
    named: &dyn Fn(&str) -> Option<(f64, Unit)>,
) -> Result<(f64, Units), String> {
    match &expr.value {
        ExprKind::Number(Ok(quantity)) => match quantity.in_unit() {
            Some((value, unit)) => Ok((value, Units::of(unit))),
            None => Ok((quantity.value, Units::of(Unit::Count))),
        },
        ExprKind::Number(Err(error)) => Err(error.to_string()),
        ExprKind::Path(name) => named(name)
            .map(|(value, unit)| (value, Units::of(unit)))
            .ok_or_else(|| format!("`{name}` is not a quantity here")),
        ExprKind::Call { function, of } if function.value == "exp2" => {
            let (value, units) = evaluate(of, named)?;
            let count = Units::of(Unit::Count);
            // No number of retries is larger, and the result stays one that can be shown.
            (units == count)
                .then(|| (value.min(63.0).exp2(), count))
                .ok_or_else(|| format!("2 to the power of {} has no meaning", units.describe()))
        }
        ExprKind::Call { function, .. } => Err(format!("`{}` cannot be used here", function.value)),
        ExprKind::Negate(inner) => evaluate(inner, named).map(|(value, units)| (-value, units)),
        ExprKind::Binary { op, left, right } => {
            let ((left, of_left), (right, of_right)) =
                (evaluate(left, named)?, evaluate(right, named)?);
            let same = || {
                (of_left == of_right).then_some(of_left).ok_or_else(|| {
                    let (left, right) = (of_left.describe(), of_right.describe());
                    format!("{left} and {right} cannot be added")
                })
            };
            Ok(match op {
                ArithmeticOp::Add => (left + right, same()?),
                ArithmeticOp::Subtract => (left - right, same()?),
                ArithmeticOp::Multiply => (left * right, of_left.times(of_right)),
                ArithmeticOp::Divide => (left / right, of_left.per(of_right)),
            })
        }
    }
}
