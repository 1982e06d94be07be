//! Reads the quantities of a claim at a moment, evaluates its comparison and puts both into words.
//!
//! No comparison holds if one of its sides has no value.

use super::arithmetic::{self, calculate, compared};
use super::evidence::{Evidence, Unjudgeable};
use super::metric::{QuantityReader, ReadSpan, Reading};
use super::show;
use super::text::TextReader;
use crate::record::{Observation, Offset};
use crate::scenario::expr::{Claim, Expr, MetricRef, Tolerance};
use crate::units::Unit;

/// A claim with the series it reads, which can be evaluated at ascending moments.
#[derive(Debug)]
pub(super) enum ClaimReader<'a> {
    /// A comparison of numbers.
    Numbers {
        /// `Compare` or `In`.
        claim: &'a Claim,
        /// Each quantity once, in the order of the claim.
        quantities: Vec<ClaimQuantity<'a>>,
    },
    Text(TextReader<'a>),
}

/// A quantity of a claim with its latest reading.
#[derive(Debug)]
pub(super) struct ClaimQuantity<'a> {
    expr: &'a Expr,
    reader: QuantityReader<'a>,
    now: Reading,
}

impl<'a> ClaimReader<'a> {
    /// Opens all quantities of a claim.
    ///
    /// # Errors
    /// The error of the first quantity that cannot be read.
    pub(super) fn open(
        claim: &'a Claim,
        span: ReadSpan,
        evidence: &Evidence<'a>,
    ) -> Result<Self, Unjudgeable> {
        if let Claim::Matches {
            metric,
            regex,
            negated,
        } = claim
        {
            let reader = TextReader::open(metric, regex, *negated, span, evidence)?;
            return Ok(Self::Text(reader));
        }
        let mut quantities: Vec<ClaimQuantity<'a>> = Vec::new();
        for expr in sides(claim).into_iter().flat_map(leaves) {
            let (function, metric) = match expr {
                Expr::Metric(metric) => (None, metric),
                Expr::Series { function, metric } => (Some(*function), metric),
                Expr::Number { .. } | Expr::Binary { .. } | Expr::Negate(_) => continue,
            };
            if quantities.iter().all(|quantity| quantity.expr != expr) {
                quantities.push(ClaimQuantity {
                    expr,
                    reader: QuantityReader::open(function, metric, span, evidence)?,
                    now: Reading::Nothing("not read"),
                });
            }
        }
        Ok(Self::Numbers { claim, quantities })
    }

    /// Returns every moment at which a series of the claim changed, in any order.
    pub(super) fn changes(&self) -> Vec<Offset> {
        match self {
            Self::Numbers { quantities, .. } => quantities
                .iter()
                .flat_map(|quantity| quantity.reader.changes())
                .collect(),
            Self::Text(text) => text.changes().collect(),
        }
    }

    /// Returns true if a quantity of the claim depends on a whole span rather than on one moment.
    pub(super) fn sees_a_span(&self) -> bool {
        match self {
            Self::Numbers { quantities, .. } => quantities
                .iter()
                .any(|quantity| quantity.reader.is_of_a_span()),
            Self::Text(_) => true,
        }
    }

    /// Returns true if the claim holds at a moment.
    pub(super) fn holds(&mut self, moment: Offset) -> bool {
        match self {
            Self::Numbers { claim, quantities } => {
                for quantity in &mut *quantities {
                    quantity.now = quantity.reader.read(moment);
                }
                numbers_hold(claim, quantities)
            }
            Self::Text(text) => text.holds(moment),
        }
    }

    /// Returns the latest reading of each quantity.
    pub(super) fn observed(&self) -> Vec<Observation> {
        match self {
            Self::Numbers { quantities, .. } => quantities
                .iter()
                .map(|quantity| Observation {
                    quantity: written(quantity.expr),
                    value: show::reading(quantity.now, quantity.expr.unit()),
                    number: match quantity.now {
                        Reading::Value(number) => Some(number),
                        Reading::Nothing(_) => None,
                    },
                })
                .collect(),
            Self::Text(text) => vec![text.observed()],
        }
    }

    /// Returns the latest value of the left side, or the text that stands for it if there is none.
    pub(super) fn left(&self) -> Reading {
        match self {
            Self::Numbers { claim, quantities } => match sides(claim).first() {
                Some(left) => value(left, quantities),
                None => Reading::Nothing("not a number"),
            },
            Self::Text(_) => Reading::Nothing("text"),
        }
    }

    /// Says that the claim holds, or does not, at the latest moment, which is given as readers see it: `at 3.000s`.
    pub(super) fn statement(&self, holds: bool, when: &str) -> String {
        match self {
            Self::Numbers { claim, quantities } if holds => {
                format!("{} became true {when}", in_numbers(claim, quantities))
            }
            Self::Numbers { claim, quantities } => {
                let without_value = quantities.iter().find_map(|quantity| match quantity.now {
                    Reading::Nothing(instead) => Some((quantity.expr, instead)),
                    Reading::Value(_) => None,
                });
                let uncalculated =
                    sides(claim)
                        .into_iter()
                        .find_map(|side| match value(side, quantities) {
                            Reading::Nothing(instead) => Some(instead),
                            Reading::Value(_) => None,
                        });
                match (without_value, uncalculated) {
                    (Some((expr, instead)), _) => {
                        format!("`{}` has no value ({instead}) {when}", written(expr))
                    }
                    (None, Some(instead)) => format!("a side has no value ({instead}) {when}"),
                    (None, None) => {
                        format!("{} does not hold {when}", in_numbers(claim, quantities))
                    }
                }
            }
            Self::Text(text) => text.found(when),
        }
    }

    /// Explains why a claim that does not hold may prove nothing.
    pub(super) fn doubt(&self) -> Option<String> {
        match self {
            Self::Numbers { .. } => None,
            Self::Text(text) => text.doubt(),
        }
    }
}

/// Returns the variants that a claim names, each once.
pub(super) fn variants(claim: &Claim) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for metric in claim.metrics() {
        if let Some(name) = metric.variant.as_deref()
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

/// Returns the name of a series as expectations spell it: `load.established`, `reuse.load.established`.
pub(super) fn name(metric: &MetricRef) -> String {
    match &metric.variant {
        Some(variant) => format!("{variant}.{}", metric.series),
        None => metric.series.to_string(),
    }
}

fn sides(claim: &Claim) -> Vec<&Expr> {
    match claim {
        Claim::Compare { left, right, .. } => vec![left, right],
        Claim::In { value, low, high } => vec![value, low, high],
        Claim::Matches { .. } => Vec::new(),
    }
}

/// Returns the numbers and quantities of an expression, from left to right.
fn leaves(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Number { .. } | Expr::Metric(_) | Expr::Series { .. } => vec![expr],
        Expr::Binary { left, right, .. } => {
            let mut all = leaves(left);
            all.extend(leaves(right));
            all
        }
        Expr::Negate(inner) => leaves(inner),
    }
}

/// Returns a quantity as expectations spell it.
fn written(expr: &Expr) -> String {
    match expr {
        Expr::Metric(metric) => name(metric),
        Expr::Series { function, metric } => {
            format!("{}({})", function.name(), name(metric))
        }
        Expr::Number { value, unit } => show::number(*value, *unit),
        Expr::Binary { .. } | Expr::Negate(_) => String::new(),
    }
}

fn value(expr: &Expr, quantities: &[ClaimQuantity<'_>]) -> Reading {
    match expr {
        Expr::Number { value, .. } => Reading::Value(*value),
        Expr::Metric(_) | Expr::Series { .. } => quantities
            .iter()
            .find(|quantity| quantity.expr == expr)
            .map_or(Reading::Nothing("not read"), |quantity| quantity.now),
        Expr::Negate(inner) => match value(inner, quantities) {
            Reading::Value(value) => Reading::Value(-value),
            nothing @ Reading::Nothing(_) => nothing,
        },
        Expr::Binary { op, left, right } => {
            match (value(left, quantities), value(right, quantities)) {
                (Reading::Value(left), Reading::Value(right)) => calculate(*op, left, right),
                (nothing @ Reading::Nothing(_), _) | (_, nothing @ Reading::Nothing(_)) => nothing,
            }
        }
    }
}

fn numbers_hold(claim: &Claim, quantities: &[ClaimQuantity<'_>]) -> bool {
    match claim {
        Claim::Compare {
            left,
            op,
            right,
            tolerance,
        } => match (value(left, quantities), value(right, quantities)) {
            (Reading::Value(left), Reading::Value(right)) => compared(left, *op, right, *tolerance),
            _ => false,
        },
        Claim::In {
            value: v,
            low,
            high,
        } => {
            let [v, low, high] = [v, low, high].map(|expr| value(expr, quantities));
            match (v, low, high) {
                (Reading::Value(v), Reading::Value(low), Reading::Value(high)) => {
                    arithmetic::lies_in(v, low, high)
                }
                _ => false,
            }
        }
        Claim::Matches { .. } => false,
    }
}

fn in_numbers(claim: &Claim, quantities: &[ClaimQuantity<'_>]) -> String {
    match claim {
        Claim::Compare {
            left,
            op,
            right,
            tolerance,
        } => {
            let unit = left.unit();
            let (a, b) = show::sides(value(left, quantities), value(right, quantities), unit);
            let tolerance = match tolerance {
                None => String::new(),
                Some(Tolerance::Relative(share)) => {
                    format!(" ± {}%", show::number(share * 100.0, Unit::Count))
                }
                Some(Tolerance::Absolute(most)) => format!(" ± {}", show::number(*most, unit)),
            };
            format!("{a} {op} {b}{tolerance}")
        }
        Claim::In {
            value: v,
            low,
            high,
        } => {
            let unit = v.unit();
            let [low, high] = [low, high].map(|expr| value(expr, quantities));
            let v = value(v, quantities);
            // Against the end that it is nearer to, so that a near miss shows its digits.
            let (shown, low_shown) = show::sides(v, low, unit);
            let (shown_too, high_shown) = show::sides(v, high, unit);
            let shown = if shown.len() > shown_too.len() {
                shown
            } else {
                shown_too
            };
            format!("{shown} in {low_shown}..{high_shown}")
        }
        Claim::Matches { .. } => String::new(),
    }
}
