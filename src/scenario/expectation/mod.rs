//! Expectations: from one line of text to a typed claim about the series of a run.
//!
//! `grammar` parses the text, `metric` resolves names with the registry, `typing` checks that units fit. Not
//! here: judging (`expect`).

mod counters;
mod functions;
mod grammar;
mod measurement;
mod metric;
mod syntax;
mod typing;
mod units;

pub(crate) use measurement::measurement;
pub(crate) use metric::Subjects;
pub(crate) use typing::{Fault, NameScope, expectation};
