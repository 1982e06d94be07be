//! Expectations: from one line of text to a typed claim about the series of a run.
//!
//! `grammar` reads the text, `metric` knows what can be measured, `typing` sees that units fit. Not here: judging (`expect`).

mod counters;
mod errno;
mod grammar;
mod metric;
mod probed;
mod syntax;
mod typing;
mod units;

pub(crate) use metric::{ActorKind, Subjects};
pub(crate) use typing::{Fault, Scope, expectation};
