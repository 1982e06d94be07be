//! Renders results in every format and holds them to the formats' own rules. Needs no privileges.
//!
//! The results are built by hand: one of each outcome, emulated ones, names and evidence full of odd characters.

mod build;
mod csv;
mod emulated;
mod github;
mod json;
mod junit;
mod odd;
pub(crate) mod outside;
mod results;
mod tap;
mod terminal;
mod truth;
