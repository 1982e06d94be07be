//! What a suite tells while it runs. Match it without `_`: a new variant must reach every reporter.

use std::sync::Arc;

use super::result::{RunResult, ScenarioResult, SuiteResult};
use crate::record::Timeline;
use crate::scenario::RunSpec;

/// Something that happened in a suite.
#[derive(Debug)]
pub enum SuiteEvent<'a> {
    /// It begins.
    Started {
        /// Scenarios in it.
        scenarios: usize,
        /// Runs in it.
        runs: usize,
    },
    /// A run begins.
    RunStarted {
        /// Stands for the run until it ends.
        key: usize,
        /// The run.
        spec: &'a RunSpec,
    },
    /// A run has told more.
    RunProgressed {
        /// Which run.
        key: usize,
        /// Everything that it has told so far.
        timeline: &'a Timeline,
    },
    /// An attempt at a run has ended, and the run will be tried again.
    RunRetried {
        /// Which run.
        key: usize,
        /// What came out of the attempt.
        result: &'a RunResult,
        /// Whether no other run will be beside it, because the machine could not keep up.
        alone: bool,
    },
    /// A run has ended.
    RunEnded {
        /// Which run.
        key: usize,
        /// What came out of it.
        result: &'a RunResult,
    },
    /// A scenario and all that were given before it have ended: told in the order they were given.
    ScenarioEnded(&'a Arc<ScenarioResult>),
    /// The suite has ended.
    Ended(&'a SuiteResult),
}
