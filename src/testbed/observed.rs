//! The result of a testbed: recorded series and judged expectations.

use super::error::NotPassed;
use crate::expect;
use crate::record::{Outcome, RunVerdict, Timeline};
use crate::scenario::RunSpec;

/// Everything that was recorded on a testbed, together with the verdicts on the scenario's expectations.
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

    /// Returns `Ok` if every expectation held and the lab generated the load that the scenario requests.
    ///
    /// A text without `expect` passes if the load was generated.
    ///
    /// # Errors
    ///
    /// [`NotPassed`] lists the expectations that did not hold, with the observed values. It also reports a load that
    /// this machine could not generate, because then nothing can be said about the expectations.
    pub fn check(&self) -> Result<(), NotPassed> {
        match self.verdict.outcome {
            Outcome::Passed => Ok(()),
            _ => Err(NotPassed(self.verdict.clone())),
        }
    }

    /// Returns the outcome of the run and the verdict on each expectation.
    pub fn verdict(&self) -> &RunVerdict {
        &self.verdict
    }

    /// Returns the last value of a counter or gauge, such as `load.established`, `server.TcpExtListenOverflows` or
    /// `client.tcp.TIME_WAIT`.
    ///
    /// The value is in the unit of the series: a plain count, bytes, bytes per second, or nanoseconds.
    ///
    /// `None` if the series was not recorded. A kernel counter is recorded only once it changes, or if an expectation
    /// names it; text series and distributions have no last value.
    pub fn last(&self, series: &str) -> Option<i64> {
        let changes = &self.timeline.series(series)?.changes;
        changes.last().map(|(_, value)| *value)
    }

    /// Returns every recorded series and event with its time.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }
}
