//! Reports for GitHub Actions: annotations at file and line, and a Markdown summary of the job.

mod annotations;
mod summary;

pub use annotations::annotations;
pub use summary::summary;
