//! Leaves exactly as many free entries in a connection tracking table as a scenario requires.
//!
//! `nf_conntrack_max` belongs to the whole kernel, but each namespace's own count is compared with it. The table of a
//! namespace is therefore filled with entries that nothing evicts until only the requested room is left. If the lab
//! owns the kernel, the limit is lowered instead. Old kernels track connections in every namespace once the module is
//! loaded (4.11 did, 4.15 does not; both tried): a limit that is right for one table would be too low for the others.
//! There the limit is lowered only as far as the others allow, and the table is filled. A packet that needs one more
//! entry than are free is dropped: `count > max` (`__nf_conntrack_alloc`, Linux `net/netfilter/nf_conntrack_core.c`).
//!
//! The room is stable while connections stay open. Once a table is 95 % full, the kernel's garbage collection
//! removes TCP entries of closing or closed connections early (`gc_worker`, since Linux 4.12): of 100 in
//! TIME_WAIT, all were gone after 8 s instead of 120 s (6.18). A filled table is that full from the start.

use std::io;

use thiserror::Error;

use crate::record::ConntrackRoom;
use crate::sys::conntrack::{self, Conntrack, TableSize};
use crate::sys::netlink::NetlinkError;
use crate::sys::procfs;
use crate::sys::{NetNs, loopback};

/// Bytes of memory per entry: 385 of slab, measured on Linux 6.18 (`nf_conntrack` and its extensions).
const ENTRY: u64 = 400;
/// A table may take up to 1/2 of the available memory.
const SHARE_OF_MEMORY: u64 = 2;
/// Corrections before giving up. Only a few per cent of the entries are refused because a chain is full, and no
/// other traffic passes the namespace before the lab is built.
const CORRECTIONS: u32 = 8;

/// An error of filling a connection tracking table.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ConntrackFillError {
    /// The room is larger than the whole table.
    #[error(
        "cannot leave {room} free entries in a connection tracking table of {max}; raise the limit on the host: \
         sysctl -w net.netfilter.nf_conntrack_max={room}"
    )]
    AboveLimit { room: u32, max: u32 },
    /// The table has no limit, so it is never full.
    #[error(
        "cannot fill a connection tracking table without limit; set one on the host: \
         sysctl -w net.netfilter.nf_conntrack_max=262144"
    )]
    NoLimit,
    /// The conntrack netlink interface is not available.
    #[error(
        "cannot reach connection tracking over netlink (CONFIG_NF_CT_NETLINK, module nf_conntrack_netlink)"
    )]
    NoConntrack(#[source] NetlinkError),
    /// Filling would take too much of the machine's memory.
    #[error(
        "cannot fill a connection tracking table with {entries} entries: {needed} bytes of memory are needed and \
         {available} are available; lower the limit on the host: sysctl -w net.netfilter.nf_conntrack_max=262144"
    )]
    TooLittleMemory {
        entries: u32,
        /// Bytes of memory for these entries.
        needed: u64,
        /// Bytes of memory that the machine has available.
        available: u64,
    },
    /// The kernel ran out of memory, or something else filled the table in the meantime.
    #[error("cannot fill the connection tracking table beyond {count} of {max} entries")]
    OutOfMemory {
        count: u32,
        max: u32,
        #[source]
        source: NetlinkError,
    },
    /// The kernel refused to add or remove entries.
    #[error("cannot fill or empty the connection tracking table")]
    Refused(#[source] NetlinkError),
    /// Something else keeps creating or removing entries.
    #[error(
        "cannot leave exactly {room} free entries: the connection tracking table keeps changing, {free} are free"
    )]
    Unsteady {
        room: u32,
        /// Free entries at the last check.
        free: u32,
    },
    /// The limit cannot be set.
    #[error("cannot set net.netfilter.nf_conntrack_max to {max}")]
    Limit {
        max: u32,
        #[source]
        source: io::Error,
    },
    /// The amount of available memory cannot be read.
    #[error("cannot read how much memory is available")]
    Memory(#[source] io::Error),
    /// The namespace cannot be entered.
    #[error("cannot enter the namespace")]
    Namespace(#[source] io::Error),
}

/// Leaves exactly `room` free entries in the table of a namespace, before any traffic passes through it.
///
/// With `owns_kernel`, the kernel's limit is set from the calling thread, which must be in the initial
/// namespace. The limit applies to all namespaces, so this works only if a single node requests free entries.
///
/// # Errors
/// See [`ConntrackFillError`].
pub fn leave_free_entries(
    netns: &NetNs,
    room: u32,
    owns_kernel: bool,
) -> Result<ConntrackRoom, ConntrackFillError> {
    if owns_kernel {
        return lower_limit(netns, room);
    }
    netns
        .run(move || Table::open()?.leave(room))
        .map_err(ConntrackFillError::Namespace)?
}

/// Lowers the limit of a kernel that the lab owns to what the other tables need: `others`, plus the largest
/// requested room. Filling tables is then quick. Returns `false` without doing anything if one table can have
/// the limit to itself.
///
/// # Errors
/// See [`ConntrackFillError`].
pub(super) fn lower_shared_limit(rooms: &[u32], others: u32) -> Result<bool, ConntrackFillError> {
    if rooms.len() == 1 && !tracks_everywhere()? {
        return Ok(false);
    }
    let max = rooms
        .iter()
        .max()
        .copied()
        .unwrap_or_default()
        .saturating_add(others);
    conntrack::set_limit(max).map_err(|source| ConntrackFillError::Limit { max, source })?;
    Ok(true)
}

/// Returns whether namespaces without rules track connections, by sending a datagram in a new one.
fn tracks_everywhere() -> Result<bool, ConntrackFillError> {
    let track = || {
        let sent = loopback::up().and_then(|()| loopback::send_a_datagram());
        sent.map_err(ConntrackFillError::Namespace)?;
        Ok(Table::open()?.size()?.count > 0)
    };
    let netns = NetNs::create().map_err(ConntrackFillError::Namespace)?;
    netns.run(track).map_err(ConntrackFillError::Namespace)?
}

/// Empties the table of a namespace. The table disappears with the namespace anyway, but twice as
/// fast if emptied first.
///
/// # Errors
/// See [`ConntrackFillError`].
pub fn flush_conntrack(netns: &NetNs) -> Result<(), ConntrackFillError> {
    netns
        .run(|| {
            Table::open()?
                .conntrack
                .flush()
                .map_err(ConntrackFillError::Refused)
        })
        .map_err(ConntrackFillError::Namespace)?
}

fn lower_limit(netns: &NetNs, room: u32) -> Result<ConntrackRoom, ConntrackFillError> {
    let size = netns
        .run(|| Table::open()?.size())
        .map_err(ConntrackFillError::Namespace)??;
    let max = size.count.saturating_add(room);
    conntrack::set_limit(max).map_err(|source| ConntrackFillError::Limit { max, source })?;
    Ok(ConntrackRoom {
        room,
        max,
        filled: 0,
    })
}

/// The table of the calling thread's namespace.
struct Table {
    conntrack: Conntrack,
}

impl Table {
    fn open() -> Result<Self, ConntrackFillError> {
        let conntrack = Conntrack::open().map_err(ConntrackFillError::NoConntrack)?;
        Ok(Self { conntrack })
    }

    fn size(&mut self) -> Result<TableSize, ConntrackFillError> {
        self.conntrack
            .size()
            .map_err(ConntrackFillError::NoConntrack)
    }

    fn leave(&mut self, room: u32) -> Result<ConntrackRoom, ConntrackFillError> {
        let mut filled = 0;
        for _ in 0..=CORRECTIONS {
            let TableSize { count, max } = self.size()?;
            if max == 0 {
                return Err(ConntrackFillError::NoLimit);
            }
            if room > max {
                return Err(ConntrackFillError::AboveLimit { room, max });
            }
            let free = max.saturating_sub(count);
            if free == room {
                return Ok(ConntrackRoom { room, max, filled });
            }
            if free < room {
                self.conntrack
                    .flush()
                    .map_err(ConntrackFillError::Refused)?;
                filled = 0;
            } else {
                self.fill(free - room, max)?;
                filled += self.size()?.count.saturating_sub(count);
            }
        }
        let TableSize { count, max } = self.size()?;
        let free = max.saturating_sub(count);
        Err(ConntrackFillError::Unsteady { room, free })
    }

    fn fill(&mut self, entries: u32, max: u32) -> Result<(), ConntrackFillError> {
        let needed = u64::from(entries) * ENTRY;
        let available = procfs::available_memory().map_err(ConntrackFillError::Memory)?;
        if needed > available / SHARE_OF_MEMORY {
            return Err(ConntrackFillError::TooLittleMemory {
                entries,
                needed,
                available,
            });
        }
        match self.conntrack.fill(entries) {
            Ok(()) => Ok(()),
            Err(source) if source.errno() == Some(libc::ENOMEM) => {
                let count = self.size()?.count;
                Err(ConntrackFillError::OutOfMemory { count, max, source })
            }
            Err(source) => Err(ConntrackFillError::Refused(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::{HASTY, NatLab, PATIENT, connect, listen, namespace, tool};

    /// Returns how many packets the table of the node in the middle dropped.
    fn dropped(lab: &NatLab) -> u64 {
        let counters = || Conntrack::open().unwrap().counters().unwrap();
        let counters = lab.nat.run(counters).unwrap();
        let drop = counters
            .iter()
            .find(|(metric, _)| metric.name == "conntrack.drop");
        drop.map_or(0, |(_, value)| value)
    }

    /// Checks that exactly as many connections pass as there is room, and no more.
    fn exactly_the_room_connects(room: u32) {
        let lab = NatLab::build();
        let _listener = listen(&lab.server, NatLab::SERVER);
        let made = leave_free_entries(&lab.nat, room, false).unwrap();
        assert_eq!(made.filled, made.max - room);
        let connected = connect(&lab.client, NatLab::SERVER, room as usize, PATIENT);
        assert_eq!(connected.len(), room as usize);
        assert_eq!(dropped(&lab), 0);
        let refused = connect(&lab.client, NatLab::SERVER, 3, HASTY);
        assert_eq!(refused.len(), 0);
        assert!(dropped(&lab) >= 3);
        flush_conntrack(&lab.nat).unwrap();
        assert_eq!(tool(&lab.nat, "conntrack -C").trim(), "0");
    }

    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    fn kernel_ten_free_entries_allow_ten_connections() {
        exactly_the_room_connects(10);
    }

    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    fn kernel_a_thousand_free_entries_allow_a_thousand_connections() {
        exactly_the_room_connects(1000);
    }

    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    fn kernel_a_table_with_less_room_is_emptied_and_filled_again() {
        let netns = namespace();
        let first = leave_free_entries(&netns, 5, false).unwrap();
        let again = leave_free_entries(&netns, 50, false).unwrap();
        assert_eq!(again.max - again.filled, 50);
        assert_eq!(
            tool(&netns, "conntrack -C").trim(),
            again.filled.to_string()
        );
        assert_eq!(first.max, again.max);
    }

    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    fn kernel_more_room_than_the_table_has_is_refused_with_a_remedy() {
        let netns = namespace();
        let error = leave_free_entries(&netns, u32::MAX, false).unwrap_err();
        assert!(
            matches!(error, ConntrackFillError::AboveLimit { .. }),
            "{error}"
        );
        assert!(
            error
                .to_string()
                .contains("sysctl -w net.netfilter.nf_conntrack_max=4294967295")
        );
    }
}
