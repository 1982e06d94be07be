//! Processors: who uses which, and for how long.

use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::unistd::Pid;

use super::bench::Measured;

/// User and system time of this process, all of its threads, and of its children that have been waited for (getrusage(2)).
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

/// Has the calling thread, and all that it starts from here on, run on one processor only. With one processor there is no other.
pub(crate) fn stay_on(processor: usize) -> Measured {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut set = CpuSet::new();
    set.set(processor % processors)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}
