//! What of this machine runs may share.

use crate::sys::procfs::available_memory;

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
}
