//! What was observed on a testbed.

use super::error::NotPassed;
use crate::expect;
use crate::record::{Outcome, RunVerdict, Timeline};
use crate::scenario::RunSpec;

/// What was observed, and what the scenario's expectations come to.
#[derive(Debug, Clone)]
pub struct Observed {
    timeline: Timeline,
    verdict: RunVerdict,
}

impl Observed {
    pub(super) fn new(spec: &RunSpec, timeline: Timeline) -> Self {
        let verdict = expect::judge(spec, &timeline);
        Self { timeline, verdict }
    }

    /// Fine where every expectation held and the load was what was asked for.
    ///
    /// # Errors
    /// What did not hold, and what was observed instead.
    pub fn check(&self) -> Result<(), NotPassed> {
        match self.verdict.outcome {
            Outcome::Passed => Ok(()),
            _ => Err(NotPassed(self.verdict.clone())),
        }
    }

    /// Each expectation's verdict.
    pub fn verdict(&self) -> &RunVerdict {
        &self.verdict
    }

    /// The last value of a counter or gauge, in its own unit: `load.established`, `server.TcpExtListenOverflows`,
    /// `client.tcp.TIME_WAIT`. `None` where it was not recorded: a kernel's counter is once it changes, or where an
    /// expectation names it.
    pub fn last(&self, series: &str) -> Option<i64> {
        let changes = &self.timeline.series(series)?.changes;
        changes.last().map(|(_, value)| *value)
    }

    /// Everything, with its time.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }
}
