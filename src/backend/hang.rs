//! The rule by which a worker that does not end counts as hung.

use std::time::Duration;

/// The time that a worker has, by this machine's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HangLimit {
    /// The run's timeout, and this much more to start up.
    Timeout {
        /// Time for what comes before the run, such as booting.
        start_up: Duration,
    },
    /// This long without any event: the run's clock is not this machine's.
    Silence(Duration),
}
