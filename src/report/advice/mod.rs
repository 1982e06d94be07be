//! Renders advice on sysctl files: for the terminal, as JSON, as Markdown and as HTML.

mod html;
mod json;
mod markdown;
mod shipped_file;
mod short;
mod summary;
mod terminal;
mod words;

use super::terminal::layout::{plain, wrap};

pub use html::render as html;
pub use json::render as json;
pub use markdown::render as markdown;
pub use shipped_file::render as shipped_file;
pub use summary::render as summary;
pub use terminal::render as terminal;

/// Makes text from outside safe, and breaks it into lines.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    wrap(&plain(text).replace(['\n', '\r'], " "), Some(columns))
}
