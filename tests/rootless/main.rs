//! Tests that need no privileges and end in seconds.
//!
//! A scenario says what should happen, a record is what happened: both are plain data, so all of this runs anywhere.

#![expect(clippy::unwrap_used, reason = "a test that cannot look fails")]

mod architecture;
mod catalogue;
mod templates;
