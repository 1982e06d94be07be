//! Many runs: finds and selects scenario files, decides in which order and how many at once they run,
//! and collects the results.
//!
//! The execution of a run belongs to `run`, the form of results to `report`. Progress
//! is reported as [`SuiteEvent`]s.

mod capturing;
mod demand;
#[cfg(test)]
mod demand_tests;
mod discover;
mod dispatch;
#[cfg(test)]
mod dispatch_tests;
mod division;
mod durations;
mod event;
mod event_sink;
mod execute;
mod failed_runs;
mod failure;
mod hash;
mod history;
mod hold;
mod identity;
mod inquiry;
mod job;
mod outlook;
mod pace;
mod path;
mod record_name;
mod recording;
mod repeat;
pub mod replay;
mod result;
mod results;
mod retry;
mod run_order;
mod scheduler;
#[cfg(test)]
mod scheduler_tests;
mod select;
mod spread;
mod templates;
mod trust;

pub use capturing::Captures;
pub(crate) use demand::cost_of_nodes;
pub(crate) use discover::discover;
pub use discover::{ScenarioSource, shipped};
pub use dispatch::{Options, run_suite};
pub(crate) use division::{Divisions, divide};
pub(crate) use durations::expected;
pub use event::SuiteEvent;
pub use failed_runs::FailedRuns;
pub use hold::Hold;
pub(crate) use inquiry::{InquiryError, inquire};
pub(crate) use outlook::outlook;
pub use pace::{Pace, PaceSetting};
pub(crate) use path::is_paced_by_links;
pub use recording::Records;
pub use result::{
    CaseComparison, EarlierAttempt, RunResult, ScenarioFile, ScenarioResult, SuiteResult,
};
pub use run_order::RunOrder;
pub(crate) use select::{Filter, Selected};
pub use select::{Selection, Shard};
pub(crate) use spread::{QuantitySpread, Spread};
pub use templates::{Template, TemplateError, templates};
pub use trust::Trust;
