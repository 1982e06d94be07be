//! What a look costs.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Processor time of the calling thread since it began (`CLOCK_THREAD_CPUTIME_ID`, clock_gettime(2)).
pub(super) fn thread_time() -> Duration {
    // The clock is there since Linux 2.6.12; where it were not, looks would count as free.
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}
