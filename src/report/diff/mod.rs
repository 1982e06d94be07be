//! Renders the differences of two recordings, for people and for machines.
//!
//! The comparison itself is [`crate::compare`].

mod json;
mod key;
mod terminal;

pub use json::render as json;
pub use key::key;
pub use terminal::render as terminal;
