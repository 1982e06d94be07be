//! Many runs: which files, in which order, how many at once.
//!
//! Not here: what a run does (`run`), how results look (`report`). What happens is told as [`SuiteEvent`]s.

mod attempts;
mod capturing;
mod discover;
mod dispatch;
#[cfg(test)]
mod dispatch_tests;
mod ear;
mod event;
mod execute;
mod gathered;
mod hash;
mod identity;
mod learnt;
mod need;
mod order;
mod outstanding;
mod record_name;
mod recording;
mod repeat;
pub mod replay;
mod result;
mod schedule;
mod select;
mod spread;

pub use capturing::Captures;
pub use discover::{DiscoverError, Source, discover, shipped};
pub use dispatch::{Options, run_suite};
pub use event::SuiteEvent;
pub use identity::SuiteIdentity;
pub use order::Order;
pub use outstanding::Outstanding;
pub use recording::Records;
pub use result::{Attempt, CaseComparison, RunResult, ScenarioFile, ScenarioResult, SuiteResult};
pub use select::{Filter, FilterError, SelectError, Selected, Selection, Shard};
pub use spread::{QuantitySpread, Spread};
