//! An expectation as written: a tree with places, names not yet looked up, units not yet compared.

use std::ops::Range;

use crate::scenario::expr::{ArithmeticOp, CompareOp};
use crate::units::{Quantity, UnitError};

/// Something with its range of bytes in the line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) range: Range<usize>,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) claim: Claim,
    pub(crate) window: Window,
}

/// What it claims.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Claim {
    /// `left op right ± tolerance`.
    Compare {
        left: Expr,
        op: At<CompareOp>,
        right: Expr,
        tolerance: Option<Number>,
    },
    /// `value in low..high`.
    In { value: Expr, low: Expr, high: Expr },
    /// `metric ~ /regex/`.
    Matches {
        metric: Expr,
        regex: At<String>,
        negated: bool,
    },
}

/// A number with its unit, which may be none that exists.
pub(crate) type Number = At<Result<Quantity, UnitError>>;

/// A quantity.
pub(crate) type Expr = At<Kind>;

/// Forms of quantities.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Number(Result<Quantity, UnitError>),
    /// `load.errors.ECONNREFUSED`.
    Path(String),
    /// `max(load.established)`.
    Call {
        function: At<String>,
        of: Box<Expr>,
    },
    Binary {
        op: ArithmeticOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Negate(Box<Expr>),
}

/// When it must hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Window {
    End,
    At(Number),
    Within(Number),
    During(Number, Number),
    Always,
    Never,
}
