//! The cost of a look.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Returns the processor time of the calling thread (`CLOCK_THREAD_CPUTIME_ID`, clock_gettime(2)).
pub(super) fn thread_time() -> Duration {
    // The clock exists since Linux 2.6.12; without it, looks would count as free.
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}
