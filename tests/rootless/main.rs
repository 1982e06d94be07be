//! Tests that need no privileges and end in seconds.
//!
//! Scenarios and records are plain data, so reading, judging and reporting them runs anywhere. The data of
//! these tests is in `tests/data`. Select some by their module: `cargo test --test rootless reports::junit`.

#![expect(clippy::unwrap_used, reason = "a failed `unwrap` is a failed test")]

mod advising;
mod architecture;
mod catalogue;
mod comparing;
mod coverage;
mod documents;
mod fuzzing;
mod html_page;
mod judging;
mod learning;
mod replay;
mod reports;
mod scenario_fuzz;
mod scenario_meaning;
mod scenario_problems;
mod templates;
mod wording;
