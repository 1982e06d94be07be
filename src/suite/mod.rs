//! Many runs: which files, in which order, how many at once.
//!
//! Not here: what a run does (`run`), how results look (`report`). What happens is told as [`SuiteEvent`]s.

mod capturing;
mod demand;
mod discover;
mod dispatch;
#[cfg(test)]
mod dispatch_tests;
mod event;
mod event_sink;
mod execute;
mod failed_runs;
mod failure;
mod hash;
mod history;
mod identity;
mod job;
mod record_name;
mod recording;
mod repeat;
pub mod replay;
mod result;
mod results;
mod retry;
mod run_order;
mod scheduler;
mod select;
mod spread;
mod templates;

pub use capturing::Captures;
pub use discover::{DiscoverError, Source, discover, shipped};
pub use dispatch::{Options, run_suite};
pub use event::SuiteEvent;
pub use failed_runs::FailedRuns;
pub use identity::SuiteIdentity;
pub use recording::Records;
pub use result::{Attempt, CaseComparison, RunResult, ScenarioFile, ScenarioResult, SuiteResult};
pub use run_order::RunOrder;
pub use select::{Filter, FilterError, SelectError, Selected, Selection, Shard};
pub use spread::{QuantitySpread, Spread};
pub use templates::{Template, TemplateError, templates};
