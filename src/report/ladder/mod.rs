//! Draws the ladder of a connection, as text for the terminal and as SVG for the HTML page.
//!
//! The analysis that finds the packets and explains their loss is [`crate::ladder`].

mod svg;
mod text;

#[cfg(test)]
mod tests;

pub use svg::svg;
pub use text::text;
