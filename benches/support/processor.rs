//! Processor time, as the kernel counts it.

use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// Returns the user and system time of this process, of all its threads, and of its children that have been waited for
/// (getrusage(2)).
pub(crate) fn spent() -> Duration {
    let whose = [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN];
    let usages = whose.into_iter().filter_map(|who| getrusage(who).ok());
    usages
        .map(|usage| duration(usage.user_time()) + duration(usage.system_time()))
        .sum()
}

fn duration(time: TimeVal) -> Duration {
    Duration::from_secs(time.tv_sec().unsigned_abs())
        + Duration::from_micros(time.tv_usec().unsigned_abs())
}
