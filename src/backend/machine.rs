//! The resources of this machine that runs share.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

use crate::sys::procfs::available_memory;
use crate::sys::support::descriptors;
use crate::sys::timer::thread_cpu_time;

/// Descriptors of this process per run in progress: three pipes, a pidfd, a record, a capture (counted).
const DESCRIPTORS_PER_RUN: u64 = 6;
/// Other descriptors of this process: the standard streams, those of the runtime and of a process that is being
/// started, one to spare, and as many again that may have been inherited.
const OTHER_DESCRIPTORS: u64 = 24;

/// Processor time of an exchange between two local sockets, seconds, on the machine on which the costs of runs were
/// measured (AMD EPYC, Linux 6.18).
const EXCHANGE: f64 = 10e-6;
/// Exchanges in one measurement, and measurements: the least counts, because interrupts and other processes only add
/// to it.
const EXCHANGES: u32 = 50;
const MEASUREMENTS: usize = 10;
/// Bounds of the speed that counts: there is more to a run than this exchange.
const SLOWEST: f64 = 0.2;
const FASTEST: f64 = 1.5;

/// The share of the processors that runs in real time may fill side by side, on average. Their loads come in bursts:
/// with all of it filled, steps that change a connection tracking table were taken up to a second late (measured on two
/// processors).
const FILLED: f64 = 0.6;

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

    /// Returns what runs in real time may fill, if the processors have this speed: one that is half as fast as those on
    /// which the costs of runs were measured counts as half of one.
    pub(crate) fn for_real_time(self, speed: f64) -> Self {
        Self {
            processors: self.processors * speed * FILLED,
            ..self
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

/// Returns the speed of a processor of this machine, relative to the machine on which the costs of runs were measured.
/// Takes some milliseconds.
pub(crate) fn speed() -> f64 {
    measure().unwrap_or(1.0)
}

/// Measures system calls, of which most of a run consists.
fn measure() -> io::Result<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..MEASUREMENTS {
        let began = thread_cpu_time()?;
        for _ in 0..EXCHANGES {
            exchange()?;
        }
        let took = thread_cpu_time()?.saturating_sub(began);
        least = least.min(took.as_secs_f64() / f64::from(EXCHANGES));
    }
    Ok((EXCHANGE / least).clamp(SLOWEST, FASTEST))
}

fn exchange() -> io::Result<()> {
    let (mut one, mut other) = UnixStream::pair()?;
    let mut bytes = [0; 256];
    one.write_all(&bytes)?;
    other.read_exact(&mut bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_a_speed_within_its_bounds() {
        let speed = measure().unwrap();
        assert!((SLOWEST..=FASTEST).contains(&speed), "{speed}");
    }
}
