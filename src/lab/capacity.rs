//! The capacity of a lab: the size of its namespaces' own socket hashes.
//!
//! Namespaces share the kernel's hash of established sockets unless their creator asks for separate ones
//! (`net.ipv4.tcp_child_ehash_entries`, Linux 6.1). With its own hashes a lab neither slows down other
//! processes' listings nor is slowed down by their sockets, and listing is cheap: 76 us instead of 219 us for
//! an empty namespace next to a shared hash of 262,144 entries (measured on 6.18; a namespace with 4,096
//! entries is created as quickly as one without).

use crate::scenario::workload::{Load, Workload};
use crate::sys::sysctl::{Key, Sysctls};

/// Fewest entries: enough for chains of one in most scenarios. Up to 16,384 entries, creation
/// takes no longer (measured).
const MIN_ENTRIES: u64 = 4_096;
/// Most entries: a hash of 4 MiB, which takes 12 ms to create (measured); chains of two for a million sockets.
const MAX_ENTRIES: u64 = 524_288;
/// Entries of all namespaces of a lab together: 32 MiB. In a lab with more nodes than this allows for, each has few
/// sockets.
const ALL_ENTRIES: u64 = 4 * 1024 * 1024;
/// Sockets assumed for a program whose behaviour is unknown.
const COMMAND: u64 = 16_384;

/// Makes namespaces created from the calling thread's namespace have socket hashes of `entries` entries.
pub(super) fn size_socket_hash(sysctls: &mut Sysctls, entries: u64) {
    if let Some(key) = Key::parse("net.ipv4.tcp_child_ehash_entries") {
        // Kernels before 6.1 do not have it; labs then share the hash.
        let _shared = sysctls.set(&key, &entries.to_string());
    }
}

/// Returns a power of two that is at least the number of sockets expected in one of `nodes` namespaces, within limits.
pub(super) fn entries(workload: &Workload, nodes: usize) -> u64 {
    let clients: u64 = workload
        .clients
        .iter()
        .map(|client| sockets(&client.load))
        .sum();
    let commands = COMMAND * workload.commands.len() as u64;
    (clients + commands)
        .clamp(MIN_ENTRIES, MAX_ENTRIES)
        .next_power_of_two()
        .min((ALL_ENTRIES / nodes.max(1) as u64).next_power_of_two())
}

/// Returns the most sockets that a client's load has in one namespace at a time. Closed loops may exceed it.
fn sockets(load: &Load) -> u64 {
    load.open_at_most()
        .max(load.leaves_in_time_wait())
        .min(MAX_ENTRIES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::workload::{ClientClose, Schedule};
    use crate::units::Rate;
    use std::time::Duration;

    #[test]
    fn a_hash_fits_the_sockets_of_a_minute() {
        let connect = |rate, count| {
            let rate = Rate::per_second(rate).unwrap();
            sockets(&Load::Connect {
                schedule: Schedule {
                    from: rate,
                    to: rate,
                    count,
                },
                timeout: Duration::from_secs(1),
                close: ClientClose::Client,
            })
        };
        assert_eq!(connect(500.0, 1_000_000), 30_000);
        assert_eq!(connect(500.0, 100), 100);
        assert_eq!(entries(&Workload::default(), 2), MIN_ENTRIES);
        assert_eq!(entries(&Workload::default(), 10_000), 512);
        assert!(MAX_ENTRIES.is_power_of_two() && MIN_ENTRIES.is_power_of_two());
    }
}
