//! Renders advice on sysctl files: for the terminal, as JSON, as Markdown and as HTML.

mod html;
mod json;
mod markdown;
mod terminal;
mod words;

pub use html::render as html;
pub use json::render as json;
pub use markdown::render as markdown;
pub use terminal::render as terminal;
