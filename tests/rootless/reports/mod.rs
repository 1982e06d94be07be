//! Renders results in every format and checks the rules of each format. Needs no privileges.
//!
//! The results are built by hand: one of each outcome, emulated ones, and odd characters in names and evidence.

mod build;
mod csv;
mod emulated;
mod github;
mod json;
mod junit;
mod odd;
pub(crate) mod outside;
mod results;
mod since;
mod tap;
mod terminal;
mod truth;
