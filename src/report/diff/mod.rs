//! Renders the differences of two recordings, for people and for machines.
//!
//! The comparison itself is [`crate::compare`].

mod json;
mod terminal;

pub use json::render as json;
pub use terminal::render as terminal;
