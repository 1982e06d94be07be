//! Many runs: which files, in which order, how many at once.

mod event;
mod result;

pub use event::SuiteEvent;
pub use result::{CaseComparison, RunResult, ScenarioFile, ScenarioResult, SuiteResult};
