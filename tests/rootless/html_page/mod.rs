//! The HTML report as a whole: structure, escaping, size, and behaviour in a browser.
//!
//! Results are made by hand after the shipped scenarios (`shipped`) with the builders in `world`. Without `chromium`
//! the browser's part is skipped with a message. The tested page stays in the target folder for people to look at.

#![expect(
    clippy::print_stdout,
    unreachable_pub,
    reason = "the output of a test says why it was skipped"
)]

mod browser;
mod effects;
mod escaping;
mod ladders;
mod lesson;
mod pictures;
mod shipped;
mod structure;
mod view;
mod weight;
mod world;
