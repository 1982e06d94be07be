//! Expectations: from one line of text to a typed claim about the series of a run.
//!
//! `grammar` parses the text, `metric` resolves names with the registry, `typing` checks that units fit. Not
//! here: judging (`expect`).

mod arithmetic;
mod connection;
mod counters;
mod functions;
mod grammar;
mod idle;
mod meant;
mod measurement;
mod metric;
mod possible;
mod reference;
mod shares;
mod slips;
mod subjects;
mod synonyms;
mod syntax;
mod typing;
mod units;
mod windows;

pub(crate) use arithmetic::calculate;
pub(crate) use measurement::measurement;
pub(crate) use subjects::Subjects;
pub(crate) use typing::{Fault, NameScope, expectation};
