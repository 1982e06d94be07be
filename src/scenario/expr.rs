//! Expectations as meant: typed expressions over the series of a record.
//!
//! Here is the data; `grammar` turns text into it, `expect` judges it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::place::Place;
use crate::names::SeriesName;
use crate::units::{self, Unit};

/// One line of `expect:` or `compare:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// As written, parameters filled in.
    pub text: String,
    /// Where the scenario says so.
    pub place: Place,
    /// What is claimed.
    pub claim: Claim,
    /// When it must hold.
    pub window: Window,
}

impl Expectation {
    /// The series that it names, each once, in its order.
    pub fn metrics(&self) -> Vec<&MetricRef> {
        self.claim.metrics()
    }
}

/// What an expectation claims.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Claim {
    /// `left op right`, with `± tolerance` on `==` and `!=`.
    Compare {
        /// Left side.
        left: Expr,
        /// Comparison.
        op: CompareOp,
        /// Right side, of the same unit.
        right: Expr,
        /// How far from `right` still counts as equal.
        tolerance: Option<Tolerance>,
    },
    /// `value in low..high`, both ends included.
    In {
        /// What is bounded.
        value: Expr,
        /// Lower bound.
        low: Expr,
        /// Upper bound.
        high: Expr,
    },
    /// `text ~ /regex/`: some line of the series matches.
    Matches {
        /// A series of text: `ab.stdout`, `kernel.log`.
        metric: MetricRef,
        /// A regular expression of the `regex` crate, known to compile.
        regex: String,
        /// `!~`: no line may match.
        negated: bool,
    },
}

impl Claim {
    /// The series that it names, each once, in its order.
    pub fn metrics(&self) -> Vec<&MetricRef> {
        let mut found = Vec::new();
        match self {
            Self::Compare { left, right, .. } => {
                left.collect(&mut found);
                right.collect(&mut found);
            }
            Self::In { value, low, high } => {
                value.collect(&mut found);
                low.collect(&mut found);
                high.collect(&mut found);
            }
            Self::Matches { metric, .. } => found.push(metric),
        }
        found
    }
}

/// Comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum CompareOp {
    #[serde(rename = "==")]
    Equal,
    #[serde(rename = "!=")]
    NotEqual,
    #[serde(rename = "<")]
    Less,
    #[serde(rename = "<=")]
    LessOrEqual,
    #[serde(rename = ">")]
    Greater,
    #[serde(rename = ">=")]
    GreaterOrEqual,
}

impl std::fmt::Display for CompareOp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

/// How far from equal still counts as equal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Tolerance {
    /// `± 2%`: a share of the right side.
    Relative(f64),
    /// `± 5`, `± 100ms`: in the base unit of the sides (see [`Unit`]).
    Absolute(f64),
}

/// A quantity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Expr {
    /// A literal, in the unit's base (see [`Unit`]).
    Number {
        /// In the base of `unit`: seconds for times, bytes, events a second, plain counts.
        value: f64,
        /// What it counts.
        unit: Unit,
    },
    /// The series itself, at the moment of judgement.
    Metric(MetricRef),
    /// A function of the series over the window so far.
    Series {
        /// Which function.
        function: SeriesFunction,
        /// Of what.
        metric: MetricRef,
    },
    /// Arithmetic.
    Binary {
        /// Operator.
        op: ArithmeticOp,
        /// Left side.
        left: Box<Self>,
        /// Right side.
        right: Box<Self>,
    },
    /// `-q`.
    Negate(Box<Self>),
}

impl Expr {
    /// Its value, where it names no quantity.
    pub(crate) fn constant(&self) -> Option<f64> {
        match self {
            Self::Number { value, .. } => Some(*value),
            Self::Metric(_) | Self::Series { .. } => None,
            Self::Negate(inner) => inner.constant().map(|value| -value),
            Self::Binary { op, left, right } => {
                let (left, right) = (left.constant()?, right.constant()?);
                Some(match op {
                    ArithmeticOp::Add => left + right,
                    ArithmeticOp::Subtract => left - right,
                    ArithmeticOp::Multiply => left * right,
                    ArithmeticOp::Divide => left / right,
                })
            }
        }
    }
}

impl Expr {
    fn collect<'a>(&'a self, found: &mut Vec<&'a MetricRef>) {
        match self {
            Self::Number { .. } => {}
            Self::Metric(metric) | Self::Series { metric, .. } => {
                if !found.contains(&metric) {
                    found.push(metric);
                }
            }
            Self::Binary { left, right, .. } => {
                left.collect(found);
                right.collect(found);
            }
            Self::Negate(inner) => inner.collect(found),
        }
    }
}

/// Arithmetic operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ArithmeticOp {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// A series of this run, or in `compare:` of the run of a named variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricRef {
    /// Only in `compare:`.
    pub variant: Option<String>,
    /// The series.
    pub series: SeriesName,
    /// What its values count.
    pub unit: Unit,
}

/// Functions of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SeriesFunction {
    /// Greatest value.
    Max,
    /// Least value.
    Min,
    /// Mean over time (a gauge holds its value until the next change).
    Mean,
    /// Last value.
    Last,
    /// Time at which it was first above zero.
    First,
    /// Increase a second.
    Rate,
    /// Median of a distribution.
    P50,
    /// 99th percentile of a distribution.
    P99,
}

/// When a claim must hold. Times count from the start of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Window {
    /// At the end of the run.
    End,
    /// At this moment.
    At(#[serde(with = "units::duration")] Duration),
    /// At some moment up to this one.
    Within(#[serde(with = "units::duration")] Duration),
    /// From the first to the second moment, all the time; functions of a series see only this span.
    During(
        #[serde(with = "units::duration")] Duration,
        #[serde(with = "units::duration")] Duration,
    ),
    /// All the time.
    Always,
    /// At no time.
    Never,
}
