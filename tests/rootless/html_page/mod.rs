//! The HTML report as a whole: its structure, that nothing escapes into it, its weight, and how it behaves in a browser.
//!
//! Results are made by hand after the shipped scenarios (`shipped`), by the builders in `world`. The browser's part is
//! skipped, and says so, where there is no `chromium`. The page it looked at stays in the target folder, to be looked
//! at by people.

#![expect(
    clippy::print_stdout,
    unreachable_pub,
    reason = "the output of a test says why it was skipped"
)]

mod browser;
mod escaping;
mod ladders;
mod pictures;
mod shipped;
mod structure;
mod weight;
mod world;
