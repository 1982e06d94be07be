//! What of this machine runs may share.

use crate::sys::procfs::available_memory;
use crate::sys::support::descriptors;

/// Descriptors of this process for each run that goes on: three pipes, its process, its record, its capture (counted).
const OF_A_RUN: u64 = 6;
/// Descriptors of this process beside: standard streams, the runtime's, those of a process that is being started, one in hand,
/// and as many again that whoever started this one may have left open.
const BESIDE: u64 = 24;

/// What there is for runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// Processors that this process may use, bounds of its control group included.
    pub processors: f64,
    /// Bytes of memory that can be had without swapping; infinite where the kernel does not tell.
    pub memory: f64,
}

impl Machine {
    /// This machine, now.
    pub fn here() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            processors: f64::from(u32::try_from(processors).unwrap_or(u32::MAX)),
            memory: available_memory().map_or(f64::INFINITY, |bytes| bytes as f64),
        }
    }

    /// How many runs this process can have at once, by the descriptors that it may open (`RLIMIT_NOFILE`, hard).
    pub fn most_runs() -> usize {
        let most = |limit: u64| limit.saturating_sub(BESIDE) / OF_A_RUN;
        descriptors().map_or(usize::MAX, |limit| {
            usize::try_from(most(limit)).unwrap_or(usize::MAX).max(1)
        })
    }
}
