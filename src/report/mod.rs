//! Tells what happened. Every format is a function of results; none looks at the kernel, the clock or a file.

pub mod json;
pub mod terminal;
