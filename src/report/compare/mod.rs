//! Renders comparisons of sets of settings for the terminal, as JSON and as Markdown.

mod figure;
mod json;
mod markdown;
mod terminal;
mod words;

pub(in crate::report) use figure::value;
pub use json::render as json;
pub(in crate::report) use json::{BriefAnswer, brief_answer};
pub(in crate::report) use markdown::cell;
pub use markdown::render as markdown;
pub use terminal::render as terminal;
pub(in crate::report) use words::sentence;
