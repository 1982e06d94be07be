//! How large a guest has to be for a run.

use crate::scenario::RunSpec;
use crate::scenario::workload::Load;

/// Least memory, MiB: what Linux and this program take, and some ten thousand sockets.
pub(crate) const LEAST: u32 = 512;
/// Most, MiB.
const MOST: u64 = 16 * 1024;
/// Bytes that both ends of an open connection take in the kernel, with what the lab notes of it: 9 KiB were measured on a host; twice
/// that, since a guest has no swap and the kernel keeps reserves.
const CONNECTION: u64 = 18 * 1024;
/// Bytes of one in TIME_WAIT or in a conntrack table (measured: 350 and 385).
const REMEMBERED: u64 = 400;
/// Seconds that it is remembered (`TCP_TIMEWAIT_LEN`, Linux `include/net/tcp.h`), and some.
const REMEMBERED_FOR: f64 = 120.0;

/// Memory of a guest for a run, MiB: a power of two, so that few sizes have snapshots of their own.
pub(crate) fn memory(spec: &RunSpec) -> u32 {
    let bytes: u64 = spec
        .workload
        .clients
        .iter()
        .map(|client| match &client.load {
            Load::Hold { connections, .. } => connections.saturating_mul(CONNECTION),
            Load::Connect { schedule, .. } => {
                let rate = schedule
                    .from
                    .as_per_second()
                    .max(schedule.to.as_per_second());
                // Saturates; a rate is finite and above zero.
                let remembered = schedule.count.min((rate * REMEMBERED_FOR) as u64);
                remembered.saturating_mul(2 * REMEMBERED)
            }
            // What a flood leaves is bounded by the backlog.
            Load::Loop { .. } | Load::Bulk { .. } | Load::Flood { .. } => 0,
        })
        .fold(0, u64::saturating_add);
    let wanted = u64::from(LEAST) / 2 + bytes.div_ceil(1 << 20);
    let size = wanted.clamp(LEAST.into(), MOST).next_power_of_two();
    u32::try_from(size).unwrap_or(u32::MAX)
}
