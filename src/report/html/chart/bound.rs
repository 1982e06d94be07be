//! Bounds: the ranges of values or times that expectations allow and that can be drawn.
//!
//! Only a comparison of one quantity with something known beforehand (numbers, parameters) can be drawn. Comparisons
//! between quantities appear only in the table of expectations.

use crate::record::{Offset, Outcome, Verdict};
use crate::scenario::expr::{
    ArithmeticOp, Claim, CompareOp, Expectation, Expr, MetricRef, SeriesFunction, Tolerance, Window,
};
use crate::units::Unit;
use crate::units::show;

/// A bound with its verdict.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    /// The least allowed value, if there is one.
    pub(super) low: Option<f64>,
    /// The greatest allowed value, if there is one.
    pub(super) high: Option<f64>,
    /// True if the range is in time (seconds on the run's clock) instead of values.
    pub(super) of_time: bool,
    /// The window in which it applies.
    pub(super) window: Window,
    /// The bounded quantity, as short as the chart allows; set when the chart is drawn.
    pub(super) quantity: String,
    /// Its notation next to its line: `== 200`.
    pub(super) label: String,
    /// The expectation as written.
    pub(super) text: String,
    pub(super) outcome: Outcome,
}

/// A quantity that an expectation names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct DrawnQuantity<'a> {
    pub(super) metric: &'a MetricRef,
    pub(super) function: Option<SeriesFunction>,
}

/// Returns every quantity that an expectation names, in the order of its text.
pub(super) fn wanted(expectation: &Expectation) -> Vec<DrawnQuantity<'_>> {
    let mut found = Vec::new();
    match &expectation.claim {
        Claim::Compare { left, right, .. } => {
            collect(left, &mut found);
            collect(right, &mut found);
        }
        Claim::In { value, low, high } => {
            for side in [value, low, high] {
                collect(side, &mut found);
            }
        }
        Claim::Matches { .. } => {}
    }
    found
}

fn collect<'a>(expr: &'a Expr, found: &mut Vec<DrawnQuantity<'a>>) {
    match expr {
        Expr::Number { .. } => {}
        Expr::Metric(_) | Expr::Series { .. } => found.extend(quantity_of(expr)),
        Expr::Binary { left, right, .. } => {
            collect(left, found);
            collect(right, found);
        }
        Expr::Negate(inner) => collect(inner, found),
    }
}

fn quantity_of(expr: &Expr) -> Option<DrawnQuantity<'_>> {
    match expr {
        Expr::Metric(metric) => Some(DrawnQuantity {
            metric,
            function: None,
        }),
        Expr::Series { function, metric } => Some(DrawnQuantity {
            metric,
            function: Some(*function),
        }),
        Expr::Number { .. } | Expr::Binary { .. } | Expr::Negate(_) => None,
    }
}

/// Returns the bound that an expectation puts on one quantity, if there is one.
pub(super) fn bound<'a>(
    expectation: &'a Expectation,
    verdicts: &[Verdict],
) -> Option<(DrawnQuantity<'a>, Bound)> {
    let (quantity, range) = match &expectation.claim {
        Claim::Compare {
            left,
            op,
            right,
            tolerance,
        } => match (quantity_of(left), quantity_of(right)) {
            (Some(quantity), None) => (quantity, Range::of(*op, constant(right)?, *tolerance)?),
            (None, Some(quantity)) => (
                quantity,
                Range::of(mirrored(*op), constant(left)?, *tolerance)?,
            ),
            _ => return None,
        },
        Claim::In { value, low, high } => (
            quantity_of(value)?,
            Range {
                low: Some(constant(low)?),
                high: Some(constant(high)?),
                words: None,
            },
        ),
        Claim::Matches { .. } => return None,
    };
    let of_time = quantity.function == Some(SeriesFunction::First);
    let unit = if of_time {
        Unit::Seconds
    } else {
        drawn_unit(quantity)
    };
    let outcome = verdicts
        .iter()
        .find(|verdict| verdict.line == expectation.place.line && verdict.text == expectation.text)
        .map_or(Outcome::Skipped, |verdict| verdict.outcome);
    let bound = Bound {
        quantity: String::new(),
        label: range.label(unit),
        low: range.low,
        high: range.high,
        of_time,
        window: expectation.window,
        text: expectation.text.clone(),
        outcome,
    };
    Some((quantity, bound))
}

/// Returns the unit of the axis on which a quantity is drawn.
pub(super) fn drawn_unit(quantity: DrawnQuantity<'_>) -> Unit {
    match (quantity.function, quantity.metric.unit) {
        (Some(SeriesFunction::Rate), Unit::Bytes) => Unit::BytesPerSecond,
        (Some(SeriesFunction::Rate), _) => Unit::PerSecond,
        (_, unit) => unit,
    }
}

#[derive(Debug)]
struct Range {
    low: Option<f64>,
    high: Option<f64>,
    /// The comparison and its right side, if there was one.
    words: Option<(CompareOp, f64)>,
}

impl Range {
    fn of(op: CompareOp, value: f64, tolerance: Option<Tolerance>) -> Option<Self> {
        let slack = match tolerance {
            None => 0.0,
            Some(Tolerance::Relative(share)) => (value * share).abs(),
            Some(Tolerance::Absolute(slack)) => slack,
        };
        let (low, high) = match op {
            CompareOp::Equal | CompareOp::NotEqual => (Some(value - slack), Some(value + slack)),
            CompareOp::Less | CompareOp::LessOrEqual => (None, Some(value)),
            CompareOp::Greater | CompareOp::GreaterOrEqual => (Some(value), None),
        };
        value.is_finite().then_some(Self {
            low,
            high,
            words: Some((op, value)),
        })
    }

    fn label(&self, unit: Unit) -> String {
        let show = |value| show::spaced(value, unit);
        match (&self.words, self.low, self.high) {
            (Some((op, value)), Some(low), Some(high)) if low < high => {
                format!("{op} {} ± {}", show(*value), show(value - low))
            }
            (Some((op, value)), ..) => format!("{op} {}", show(*value)),
            (None, Some(low), Some(high)) => format!("in {}..{}", show(low), show(high)),
            (None, ..) => String::new(),
        }
    }
}

fn mirrored(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Less => CompareOp::Greater,
        CompareOp::LessOrEqual => CompareOp::GreaterOrEqual,
        CompareOp::Greater => CompareOp::Less,
        CompareOp::GreaterOrEqual => CompareOp::LessOrEqual,
        same @ (CompareOp::Equal | CompareOp::NotEqual) => same,
    }
}

/// Evaluates an expression without quantities of a run.
fn constant(expr: &Expr) -> Option<f64> {
    let value = match expr {
        Expr::Number { value, .. } => *value,
        Expr::Negate(inner) => -constant(inner)?,
        Expr::Binary { op, left, right } => {
            let (left, right) = (constant(left)?, constant(right)?);
            match op {
                ArithmeticOp::Add => left + right,
                ArithmeticOp::Subtract => left - right,
                ArithmeticOp::Multiply => left * right,
                ArithmeticOp::Divide => left / right,
            }
        }
        Expr::Metric(_) | Expr::Series { .. } => return None,
    };
    value.is_finite().then_some(value)
}

impl Bound {
    /// Returns the span in which it applies; `None` if it applies at a moment.
    pub(super) fn span(&self, end: Offset) -> Option<(Offset, Offset)> {
        let at = |t| Offset::from_duration(t).min(end);
        match self.window {
            Window::End | Window::At(_) => None,
            Window::Within(until) => Some((Offset::ZERO, at(until))),
            Window::During(from, to) => Some((at(from), at(to))),
            Window::Always | Window::Never => Some((Offset::ZERO, end)),
        }
    }

    /// Returns the moment at which it applies, if it is one.
    pub(super) fn moment(&self, end: Offset) -> Option<Offset> {
        match self.window {
            Window::End => Some(end),
            Window::At(t) => Some(Offset::from_duration(t).min(end)),
            Window::Within(_) | Window::During(..) | Window::Always | Window::Never => None,
        }
    }

    /// Returns whether the span is worth shading because it is only a part of the run.
    pub(super) fn has_window(&self) -> bool {
        matches!(self.window, Window::Within(_) | Window::During(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Place;
    use std::time::Duration;

    fn metric(name: &str) -> Expr {
        Expr::Metric(MetricRef {
            variant: None,
            series: name.into(),
            unit: Unit::Count,
        })
    }

    fn number(value: f64) -> Expr {
        Expr::Number {
            value,
            unit: Unit::Count,
        }
    }

    fn compare(
        left: Expr,
        op: CompareOp,
        right: Expr,
        tolerance: Option<Tolerance>,
    ) -> Expectation {
        Expectation {
            text: "written".to_owned(),
            place: Place { line: 3, column: 5 },
            claim: Claim::Compare {
                left,
                op,
                right,
                tolerance,
            },
            window: Window::End,
        }
    }

    #[test]
    fn arithmetic_of_numbers_is_a_bound() {
        let right = Expr::Binary {
            op: ArithmeticOp::Multiply,
            left: Box::new(number(60.0)),
            right: Box::new(number(447.0)),
        };
        let expectation = compare(
            metric("client.tcp.TIME_WAIT"),
            CompareOp::Equal,
            right,
            Some(Tolerance::Relative(0.02)),
        );
        let (_, bound) = bound(&expectation, &[]).unwrap();
        assert_eq!(bound.low, Some(26_820.0 - 536.4));
        assert_eq!(bound.high, Some(26_820.0 + 536.4));
        assert_eq!(bound.label, "== 26,820 ± 536.4");
    }

    #[test]
    fn a_quantity_on_the_right_reverses_the_comparison() {
        let expectation = compare(number(9.0), CompareOp::Less, metric("a.established"), None);
        let (_, bound) = bound(&expectation, &[]).unwrap();
        assert_eq!((bound.low, bound.high), (Some(9.0), None));
        assert_eq!(bound.label, "> 9");
    }

    #[test]
    fn quantities_compared_with_each_other_have_no_bound() {
        let expectation = compare(
            metric("a.established"),
            CompareOp::Equal,
            metric("a.attempted"),
            None,
        );
        assert!(bound(&expectation, &[]).is_none());
        let names: Vec<&str> = wanted(&expectation)
            .iter()
            .map(|wanted| wanted.metric.series.as_str())
            .collect();
        assert_eq!(names, ["a.established", "a.attempted"]);
    }

    #[test]
    fn the_verdict_is_that_of_the_same_line_and_text() {
        let verdict = |line, outcome| Verdict {
            text: "written".to_owned(),
            line,
            column: 5,
            outcome,
            observed: Vec::new(),
            reason: None,
            decided_at: None,
            emulated: false,
        };
        let expectation = compare(metric("a.b"), CompareOp::Equal, number(1.0), None);
        let verdicts = [verdict(2, Outcome::Passed), verdict(3, Outcome::Failed)];
        let (_, bound) = bound(&expectation, &verdicts).unwrap();
        assert_eq!(bound.outcome, Outcome::Failed);
    }

    #[test]
    fn windows_end_with_the_run() {
        let mut expectation = compare(metric("a.b"), CompareOp::Equal, number(1.0), None);
        expectation.window = Window::During(Duration::from_secs(3), Duration::from_secs(20));
        let (_, bound) = bound(&expectation, &[]).unwrap();
        let second = 1_000_000_000;
        assert_eq!(
            bound.span(Offset(10 * second)),
            Some((Offset(3 * second), Offset(10 * second)))
        );
        assert_eq!(bound.moment(Offset(10 * second)), None);
    }
}
