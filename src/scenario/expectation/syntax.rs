//! The syntax tree of an expectation: with places, before names are resolved and units compared.

use std::ops::Range;

use crate::scenario::expr::{ArithmeticOp, CompareOp};
use crate::units::{Quantity, UnitError};

/// A value with its range of bytes in the line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) range: Range<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) claim: ClaimSyntax,
    pub(crate) window: WindowSyntax,
}

/// The claim of a line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ClaimSyntax {
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

/// A number with its unit, which may not exist.
pub(crate) type Number = At<Result<Quantity, UnitError>>;

pub(crate) type Expr = At<ExprKind>;

/// The forms of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ExprKind {
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

/// The window in which the claim must hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum WindowSyntax {
    End,
    At(Number),
    Within(Number),
    During(Number, Number),
    Always,
    Never,
}
