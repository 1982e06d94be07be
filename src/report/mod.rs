//! Tells what happened. Every format is a function of results; none looks at the kernel, the clock or a file.
//!
//! Each format keeps its own types and its own escaping; what several of them say in the same words is in `evidence`.

pub mod advice;
pub mod compare;
pub mod csv;
pub mod diff;
mod evidence;
pub mod github;
pub mod html;
pub mod json;
pub mod junit;
pub mod ladder;
pub mod matrix;
mod metrics;
mod place;
mod printable;
pub mod tap;
pub mod terminal;
pub mod truth;

pub(crate) use printable::{one_line, printable};
