//! One test for each statement of the judge's semantics, on timelines built by hand.

mod build;
mod certain;
mod compared;
mod laws;
mod quantities;
mod runs;
mod steps;
mod texts;
mod unmet;
mod windows;
