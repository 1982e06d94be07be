//! Renders results. Every format is a function of results; none reads the kernel, the clock or a file.
//!
//! Each format has its own types and its own escaping. The wording that several formats share is in `evidence`.

pub mod advice;
pub mod compare;
pub mod csv;
pub mod diff;
mod evidence;
mod failures;
pub mod github;
pub mod html;
pub mod json;
pub mod junit;
pub mod ladder;
pub mod matrix;
mod metrics;
pub mod perfetto;
mod place;
pub mod plan;
mod printable;
pub mod programs;
pub mod since;
pub mod tap;
pub mod terminal;
pub mod truth;

pub(crate) use printable::{one_line, printable, printable_with_colours};
pub(crate) use terminal::layout::wrap;
