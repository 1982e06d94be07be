//! The events of a running suite. Match them without `_`: a new variant must reach every reporter.

use std::sync::Arc;

use super::result::{RunResult, ScenarioResult, SuiteResult};
use crate::record::Timeline;
use crate::scenario::RunSpec;

/// Something that happened in a suite.
#[derive(Debug)]
pub enum SuiteEvent<'a> {
    /// The first event, before any run starts.
    Started {
        /// The number of scenarios.
        scenarios: usize,
        /// The number of runs.
        runs: usize,
    },
    /// Other suites of this user have started or ended; each uses its share of the processors.
    MachineShared {
        /// The number of suites now, this one included.
        suites: usize,
    },
    /// A run starts.
    RunStarted {
        /// Identifies the run until it ends.
        key: usize,
        /// The run as specified.
        spec: &'a RunSpec,
    },
    /// A run has sent another event.
    RunProgressed {
        /// The key of the run.
        key: usize,
        /// All its events so far.
        timeline: &'a Timeline,
    },
    /// An attempt at a run has ended, and the run will be retried.
    RunRetried {
        /// The key of the run.
        key: usize,
        /// The result of the attempt.
        result: &'a RunResult,
        /// True if it will run alone, because the machine could not keep up.
        alone: bool,
    },
    /// A run has ended.
    RunEnded {
        /// The key of the run.
        key: usize,
        /// The result of the run.
        result: &'a RunResult,
    },
    /// A scenario and all those before it have ended; scenarios end in the order in which they were given.
    ScenarioEnded(&'a Arc<ScenarioResult>),
    /// The suite has ended.
    Ended(&'a SuiteResult),
}
