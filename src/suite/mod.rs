//! Many runs: which files, in which order, how many at once.
//!
//! Not here: what a run does (`run`), how results look (`report`). What happens is told as [`SuiteEvent`]s.

mod capturing;
mod discover;
mod dispatch;
mod event;
mod record_name;
mod recording;
pub mod replay;
mod result;
mod schedule;

pub use capturing::Captures;
pub use discover::{DiscoverError, Selection, Source, discover, shipped};
pub use dispatch::{Options, run_suite};
pub use event::SuiteEvent;
pub use recording::Records;
pub use result::{CaseComparison, RunResult, ScenarioFile, ScenarioResult, SuiteResult};
