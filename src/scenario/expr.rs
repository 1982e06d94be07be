//! Parsed and typed expectations over the series of a record.
//!
//! This is plain data: `grammar` turns text into it, and `expect` judges it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::place::Place;
use crate::names::SeriesName;
use crate::units::{self, Unit};

/// One line of `expect:` or `compare:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// The text from the file, with parameters filled in.
    pub text: String,
    /// The place in the scenario file that states it.
    pub place: Place,
    /// The statement that is judged.
    pub claim: Claim,
    /// The times at which the claim must hold.
    pub window: Window,
}

impl Expectation {
    /// Returns the series that it names, each once, in order of appearance.
    pub fn metrics(&self) -> Vec<&MetricRef> {
        self.claim.metrics()
    }
}

/// The statement of an expectation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Claim {
    /// `left op right`, with `± tolerance` on `==` and `!=`.
    Compare {
        left: Expr,
        op: CompareOp,
        /// The right side, of the same unit.
        right: Expr,
        /// Largest difference from `right` that still counts as equal.
        tolerance: Option<Tolerance>,
    },
    /// `value in low..high`, with both bounds included.
    In { value: Expr, low: Expr, high: Expr },
    /// `text ~ /regex/`: some line of the series matches.
    Matches {
        /// A text series: `ab.stdout`, `kernel.log`.
        metric: MetricRef,
        /// A regular expression of the `regex` crate, known to compile.
        regex: String,
        /// `!~`: no line may match.
        negated: bool,
    },
}

impl Claim {
    /// Returns the series that it names, each once, in order of appearance.
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

/// A comparison operator of an expectation.
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

/// Largest difference that still counts as equal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Tolerance {
    /// `± 2%`: a share of the right side.
    Relative(f64),
    /// `± 5`, `± 100ms`: in the base unit of the sides (see [`Unit`]).
    Absolute(f64),
}

/// An expression that yields a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Expr {
    Number {
        /// In the base of `unit`: seconds, bytes, events per second or plain counts.
        value: f64,
        /// The unit of `value`.
        unit: Unit,
    },
    /// The value of the series at the moment of judgement.
    Metric(MetricRef),
    /// A function of the series over the window so far.
    Series {
        /// The function that is applied.
        function: SeriesFunction,
        /// The series that it is applied to.
        metric: MetricRef,
    },
    /// Arithmetic on two expressions.
    Binary {
        op: ArithmeticOp,
        left: Box<Self>,
        right: Box<Self>,
    },
    /// `-q`, the negated value.
    Negate(Box<Self>),
}

impl Expr {
    /// Returns its value if it names no series.
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
    /// Returns the series that it names, each once.
    pub(crate) fn metrics(&self) -> Vec<&MetricRef> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found
    }

    /// Returns the unit in which its value is shown.
    pub fn unit(&self) -> Unit {
        match self {
            Self::Number { unit, .. } => *unit,
            Self::Metric(metric) => metric.unit,
            Self::Series { function, metric } => match (function, metric.unit) {
                (SeriesFunction::First, _) => Unit::Seconds,
                (SeriesFunction::Rate, Unit::Count) => Unit::PerSecond,
                (SeriesFunction::Rate, Unit::Bytes) => Unit::BytesPerSecond,
                (SeriesFunction::Rate, _) => Unit::Count,
                (_, unit) => unit,
            },
            Self::Negate(inner) => inner.unit(),
            Self::Binary { op, left, right } => match (op, left.unit(), right.unit()) {
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

/// An arithmetic operator of an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ArithmeticOp {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// A series of this run or, in `compare:`, of the run of a named variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricRef {
    /// The variant; only in `compare:`.
    pub variant: Option<String>,
    /// The name of the series.
    pub series: SeriesName,
    /// The unit of its values.
    pub unit: Unit,
}

/// Functions of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum SeriesFunction {
    Max,
    Min,
    /// Mean over time (a gauge holds its value until the next change).
    Mean,
    Last,
    /// The time at which it was first above zero.
    First,
    /// The increase per second.
    Rate,
    /// The median of a distribution.
    P50,
    P90,
    P95,
    /// The 99th percentile of a distribution.
    P99,
    /// The 99.9th percentile of a distribution.
    P999,
}

impl SeriesFunction {
    /// Returns the name in expectations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Max => "max",
            Self::Min => "min",
            Self::Mean => "mean",
            Self::Last => "last",
            Self::First => "first",
            Self::Rate => "rate",
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::P999 => "p999",
        }
    }

    /// Returns the share of the values of a distribution that are at most the result, in thousandths; `None` if it is
    /// not a percentile.
    pub fn per_mille(self) -> Option<u32> {
        match self {
            Self::P50 => Some(500),
            Self::P90 => Some(900),
            Self::P95 => Some(950),
            Self::P99 => Some(990),
            Self::P999 => Some(999),
            Self::Max | Self::Min | Self::Mean | Self::Last | Self::First | Self::Rate => None,
        }
    }
}

/// The times at which a claim must hold, from the start of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Window {
    /// At the end of the run.
    End,
    /// At this very moment.
    At(#[serde(with = "units::duration")] Duration),
    /// At some moment up to this one.
    Within(#[serde(with = "units::duration")] Duration),
    /// Throughout the span between the two moments; functions of a series see only this span.
    During(
        #[serde(with = "units::duration")] Duration,
        #[serde(with = "units::duration")] Duration,
    ),
    Always,
    /// At no time during the run.
    Never,
}

impl Window {
    /// Returns the latest moment that it names; zero if it names none.
    pub(crate) fn latest(self) -> Duration {
        match self {
            Self::At(at) | Self::Within(at) | Self::During(_, at) => at,
            Self::End | Self::Always | Self::Never => Duration::ZERO,
        }
    }
}
