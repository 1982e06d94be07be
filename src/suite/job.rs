//! A run that waits for its turn.

use std::time::Duration;

use super::demand::Demand;
use super::result::{EarlierAttempt, RunResult};
use super::retry::{self, Retry, RetryPolicy};
use crate::scenario::RunSpec;

/// One run that waits for its turn.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) key: usize,
    /// The index of its scenario file.
    pub(super) file: usize,
    pub(super) spec: RunSpec,
    pub(super) demand: Demand,
    pub(super) retry_policy: RetryPolicy,
    /// Attempts before the last.
    earlier: Vec<EarlierAttempt>,
    /// The result of the last attempt, while another is to follow.
    last: Option<RunResult>,
    /// The time that it is expected to take.
    expected: Duration,
}

impl Job {
    pub(super) fn new(
        (key, file): (usize, usize),
        spec: RunSpec,
        (demand, expected): (Demand, Duration),
        retries: u32,
    ) -> Self {
        Self {
            key,
            file,
            spec,
            demand,
            retry_policy: RetryPolicy::new(retries),
            earlier: Vec::new(),
            last: None,
            expected,
        }
    }

    /// Returns its scheduling priority, see [`Demand::priority`].
    pub(super) fn priority(&self) -> Duration {
        self.demand.priority(self.expected)
    }

    /// Returns the number of the next attempt, from 1.
    pub(super) fn attempt(&self) -> u32 {
        u32::try_from(self.earlier.len() + 1).unwrap_or(u32::MAX)
    }

    /// Prepares another attempt after one with this result.
    pub(super) fn retry(&mut self, retry: Retry, result: RunResult) {
        self.last = Some(result);
        match retry {
            Retry::Alone => {
                self.demand = self.demand.clone().alone();
                self.spec.exclusive = true;
            }
            Retry::Same => {}
        }
    }

    /// Starts an attempt: the one before it becomes an earlier one.
    pub(super) fn start(&mut self) {
        self.earlier
            .extend(self.last.take().map(|last| retry::attempt(&last)));
    }

    /// Takes the result of the last attempt, if another was to follow it.
    pub(super) fn take_last(&mut self) -> Option<RunResult> {
        self.last.take()
    }

    /// Ends the job: the result of its last attempt becomes the result of the run.
    pub(super) fn finish(self, result: RunResult) -> RunResult {
        retry::combine(self.earlier, result)
    }
}
