//! The memory that a guest needs for a run.

use crate::scenario::RunSpec;

/// Minimum memory, MiB: enough for Linux, this program, and some ten thousand sockets.
pub(crate) const LEAST: u32 = 512;
/// Maximum memory, MiB.
const MOST: u64 = 16 * 1024;
/// Bytes that both ends of an open connection take in the kernel, including the lab's own bookkeeping: 9 KiB were
/// measured on a host. A guest needs twice that, since it has no swap and the kernel keeps reserves.
const CONNECTION: u64 = 18 * 1024;
/// Bytes of a closed connection, at each end for a minute in TIME_WAIT and for two in a conntrack table (measured: 350
/// and 385; `tcp_timeouts`, Linux `net/netfilter/nf_conntrack_proto_tcp.c`).
const CLOSED: u64 = 4 * 400;

/// Returns the memory of a guest with a file system of so many bytes, MiB. While the guest boots, it holds the files
/// twice, packed and unpacked.
pub(crate) fn with_files(memory: u32, files: u64) -> u32 {
    let wanted = u64::from(LEAST) / 2 + files.saturating_mul(2).div_ceil(1 << 20);
    let size = wanted.clamp(memory.into(), MOST).next_power_of_two();
    u32::try_from(size).unwrap_or(u32::MAX)
}

/// Returns the memory of a guest for a run, MiB: a power of two, so that there are few snapshots.
pub(crate) fn memory(spec: &RunSpec) -> u32 {
    let bytes: u64 = spec
        .workload
        .clients
        .iter()
        .map(|client| {
            let open = client.load.open_at_most().saturating_mul(CONNECTION);
            let closed = client.load.leaves_in_time_wait().saturating_mul(CLOSED);
            open.saturating_add(closed)
        })
        .fold(0, u64::saturating_add);
    let wanted = u64::from(LEAST) / 2 + bytes.div_ceil(1 << 20);
    let size = wanted.clamp(LEAST.into(), MOST).next_power_of_two();
    u32::try_from(size).unwrap_or(u32::MAX)
}
