//! A quantity on its own, with the moment at which it is read: `burst.established at 2s`.

use std::time::Duration;

use super::grammar;
use super::syntax::At;
use super::typing::{Fault, NameScope, Typing};
use crate::scenario::expr::{CompareOp, Expr, Tolerance};
use crate::units::{self, Unit};

/// A quantity, its moment, and the largest difference that still counts as right.
pub(crate) struct TypedMeasurement {
    pub(crate) expr: Expr,
    pub(crate) at: Option<Duration>,
    pub(crate) tolerance: Result<Tolerance, Fault>,
}

/// The default tolerance of a quantity that is not a count.
const TOLERANCE: f64 = 0.1;

/// Reads a quantity and its tolerance. All faults are reported; that of the tolerance is relative to its own text.
pub(crate) fn measurement(
    text: &str,
    tolerance: Option<&str>,
    scope: &NameScope,
) -> Result<TypedMeasurement, Vec<Fault>> {
    let (syntax, moment) =
        grammar::parse_quantity(text).map_err(|error| vec![Fault::from(error)])?;
    let mut typing = Typing::new(text, scope);
    let typed = typing.expr(&syntax);
    let at = moment.as_ref().map(|moment| typing.time(moment));
    if !typing.observes && typing.faults.is_empty() {
        typing
            .fault(0..text.len(), "the quantity is not about the run")
            .help = Some("name something that is measured, as in `web.accepted`".to_owned());
    }
    let Some((expr, units)) = typed.filter(|_| typing.faults.is_empty()) else {
        return Err(typing.faults);
    };
    let tolerance = match tolerance {
        None if expr.unit() == Unit::Count => Ok(Tolerance::Absolute(0.0)),
        None => Ok(Tolerance::Relative(TOLERANCE)),
        Some(text) => {
            let range = 0..text.len();
            let number = At {
                value: units::parse_quantity(text),
                range: range.clone(),
            };
            let equal = At {
                value: CompareOp::Equal,
                range,
            };
            let tolerance = typing.tolerance(&number, &equal, Some(units));
            tolerance.ok_or_else(|| typing.faults.remove(0))
        }
    };
    Ok(TypedMeasurement {
        expr,
        at: at.flatten(),
        tolerance,
    })
}
