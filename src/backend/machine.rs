//! The resources of this machine that runs share.

use crate::sys::procfs::available_memory;
use crate::sys::support::descriptors;

/// Descriptors of this process per run in progress: three pipes, a pidfd, a record, a capture (counted).
const DESCRIPTORS_PER_RUN: u64 = 6;
/// Other descriptors of this process: the standard streams, those of the runtime and of a process that is being
/// started, one to spare, and as many again that may have been inherited.
const OTHER_DESCRIPTORS: u64 = 24;

/// The resources of a machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MachineCapacity {
    /// Processors that this process may use, within the limits of its control group.
    pub(crate) processors: f64,
    /// Bytes of memory available without swapping; infinite if the kernel does not report it.
    pub(crate) memory: f64,
}

/// The share of a machine that a run takes from start to end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RunShare {
    pub(crate) processors: f64,
    pub(crate) memory: f64,
}

impl MachineCapacity {
    /// Returns the resources of this machine at this moment.
    pub(crate) fn here() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            processors: f64::from(u32::try_from(processors).unwrap_or(u32::MAX)),
            memory: available_memory().map_or(f64::INFINITY, |bytes| bytes as f64),
        }
    }

    /// Returns how many runs can be in progress at once, by the hard limit of descriptors (`RLIMIT_NOFILE`).
    pub(crate) fn max_runs() -> usize {
        let runs = |limit: u64| limit.saturating_sub(OTHER_DESCRIPTORS) / DESCRIPTORS_PER_RUN;
        descriptors().map_or(usize::MAX, |limit| {
            usize::try_from(runs(limit)).unwrap_or(usize::MAX).max(1)
        })
    }
}
