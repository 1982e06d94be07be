//! The connection tracking table of a namespace, accessed over ctnetlink (Linux
//! `net/netfilter/nf_conntrack_netlink.c`): its size and counters, and requests that fill or empty it.
//!
//! Not here: how full it should be (`lab::conntrack_fill`).

use std::io;
use std::net::Ipv4Addr;

use super::netlink::{self, ACK, Batch, CREATE, EXCL, Netlink, NetlinkError};
use crate::metrics::{Metric, conntrack};

/// `NFNL_SUBSYS_CTNETLINK << 8` (`include/uapi/linux/netfilter/nfnetlink.h`).
const SUBSYSTEM: u16 = (libc::NFNL_SUBSYS_CTNETLINK as u16) << 8;
/// `IPCTNL_MSG_CT_NEW` (`nfnetlink_conntrack.h`, as are all below).
const NEW: u16 = SUBSYSTEM;
/// `IPCTNL_MSG_CT_DELETE`.
const DELETE: u16 = SUBSYSTEM | 2;
/// `IPCTNL_MSG_CT_GET_STATS_CPU`.
const GET_STATS_CPU: u16 = SUBSYSTEM | 4;
/// `IPCTNL_MSG_CT_GET_STATS`.
const GET_STATS: u16 = SUBSYSTEM | 5;
/// `CTA_STATS_GLOBAL_ENTRIES`.
const GLOBAL_ENTRIES: u16 = 1;
/// `CTA_STATS_GLOBAL_MAX_ENTRIES`, since Linux 4.18.
const GLOBAL_MAX_ENTRIES: u16 = 2;

const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_STATUS: u16 = 3;
const CTA_TIMEOUT: u16 = 7;
const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const CTA_IP_V4_SRC: u16 = 1;
const CTA_IP_V4_DST: u16 = 2;
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_SRC_PORT: u16 = 2;
const CTA_PROTO_DST_PORT: u16 = 3;

/// `IPS_SEEN_REPLY | IPS_ASSURED | IPS_CONFIRMED` (`nf_conntrack_common.h`): early drop skips assured entries.
const FILLER_STATUS: u32 = 1 << 1 | 1 << 2 | 1 << 3;
/// Lifetime of a filler entry, seconds: 5 days, as long as the kernel keeps an established connection
/// (`nf_conntrack_tcp_timeout_established`).
const FILLER_TIMEOUT: u32 = 432_000;
/// Messages per send: 128 to 1,024 take the same time. If all are refused, the answers (768 bytes of buffer
/// each) still fit into a socket's default receive buffer of 212,992 bytes.
const MESSAGES: u32 = 200;
/// Filler entries lead from 198.18.0.0/16 to 198.19.0.1, port 9 (discard). This is the range for benchmarks
/// (RFC 2544), which no lab traffic uses.
const FILLER_SOURCE: u32 = Ipv4Addr::new(198, 18, 0, 0).to_bits();
const FILLER_DESTINATION: Ipv4Addr = Ipv4Addr::new(198, 19, 0, 1);
const FILLER_PORT: u16 = 9;

/// The size of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSize {
    /// Entries of this namespace, unconfirmed ones included.
    pub count: u32,
    /// `nf_conntrack_max`, with which each namespace's own count is compared; 0 means no limit.
    pub max: u32,
}

/// The table's counters since the namespace was created, by the names of `conntrack -S`, summed over the
/// processors. A counter that this kernel does not have is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableCounters([Option<u64>; COUNTERS.len()]);

/// Attributes of `enum ctattr_stats_cpu` that kernels still fill, with their columns in `/proc/net/stat/nf_conntrack`
/// (`ct_cpu_seq_show`, Linux `net/netfilter/nf_conntrack_standalone.c`) and their metrics. The meaning of the column
/// `chainlength` has changed between kernels, so it is not used.
const COUNTERS: [(u16, Option<&str>, &Metric); 10] = [
    (2, Some("found"), &conntrack::FOUND),
    (4, Some("invalid"), &conntrack::INVALID),
    (8, Some("insert"), &conntrack::INSERT),
    (9, Some("insert_failed"), &conntrack::INSERT_FAILED),
    (10, Some("drop"), &conntrack::DROP),
    (11, Some("early_drop"), &conntrack::EARLY_DROP),
    (12, Some("icmp_error"), &conntrack::ERROR),
    (13, Some("search_restart"), &conntrack::SEARCH_RESTART),
    (14, Some("clashres"), &conntrack::CLASH_RESOLVE),
    (15, None, &conntrack::CHAINTOOLONG),
];

impl TableCounters {
    /// Iterates over the metrics and values of the counters that this kernel has, always in the same order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static Metric, u64)> {
        let named = COUNTERS.into_iter().zip(self.0);
        named.filter_map(|((.., metric), value)| Some((metric, value?)))
    }

    pub(super) fn add(&mut self, message: &[u8]) {
        for (kind, value) in netlink::attributes(message.get(NFGENMSG..).unwrap_or_default()) {
            let known = COUNTERS
                .iter()
                .position(|(attribute, ..)| *attribute == kind);
            if let (Some(index), Some(value)) = (known, be32(value)) {
                *self.0[index].get_or_insert(0) += u64::from(value);
            }
        }
    }

    /// Adds the value of one processor from a column of `/proc/net/stat/nf_conntrack`, if it is one of the counters.
    pub(super) fn add_column(&mut self, column: &str, value: u32) {
        let known = COUNTERS
            .iter()
            .position(|(_, name, _)| *name == Some(column));
        if let Some(index) = known {
            *self.0[index].get_or_insert(0) += u64::from(value);
        }
    }
}

/// The file of the limit, writable only in the initial namespace.
const LIMIT: &str = "/proc/sys/net/netfilter/nf_conntrack_max";

fn limit() -> io::Result<u32> {
    let text = std::fs::read_to_string(LIMIT)?;
    text.trim().parse().map_err(io::Error::other)
}

/// Sets `nf_conntrack_max` for the whole kernel and reads it back. The thread must be in the initial namespace.
///
/// # Errors
/// EACCES in other namespaces (since Linux 5.13); an error if the kernel kept another value.
pub fn set_limit(max: u32) -> io::Result<()> {
    std::fs::write(LIMIT, max.to_string())?;
    let kept = limit()?;
    if kept == max {
        Ok(())
    } else {
        Err(io::Error::other(format!("the kernel kept {kept}")))
    }
}

/// Bytes of `struct nfgenmsg`.
const NFGENMSG: usize = 4;
/// Bytes of `struct nlattr`.
const ATTRIBUTE: usize = 4;

/// The table in the namespace of the thread that opened it.
#[derive(Debug)]
pub struct Conntrack {
    netlink: Netlink,
    /// Number of the next filler entry, so that all differ.
    next_filler: u32,
}

impl Conntrack {
    /// Opens ctnetlink. This needs CAP_NET_ADMIN over the namespace.
    ///
    /// # Errors
    /// EPROTONOSUPPORT if the kernel has no nfnetlink.
    pub fn open() -> Result<Self, NetlinkError> {
        Ok(Self {
            netlink: Netlink::open(libc::NETLINK_NETFILTER)?,
            next_filler: 0,
        })
    }

    /// Returns the size of the table. This takes one message, no matter how large the table is.
    ///
    /// # Errors
    /// EINVAL if the kernel has no ctnetlink (`CONFIG_NF_CT_NETLINK`).
    pub fn size(&mut self) -> Result<TableSize, NetlinkError> {
        let (count, max) = self.netlink.get(GET_STATS, nfgenmsg, |body| {
            let mut count = None;
            let mut max = None;
            for (kind, value) in netlink::attributes(body.get(NFGENMSG..)?) {
                match kind {
                    GLOBAL_ENTRIES => count = be32(value),
                    GLOBAL_MAX_ENTRIES => max = be32(value),
                    _ => {}
                }
            }
            Some((count?, max))
        })?;
        let max = match max {
            Some(max) => max,
            None => limit().map_err(NetlinkError::Socket)?,
        };
        Ok(TableSize { count, max })
    }

    /// # Errors
    /// The same as for [`Self::size`].
    pub fn counters(&mut self) -> Result<TableCounters, NetlinkError> {
        let mut counters = TableCounters::default();
        let each = |_, body: &[u8]| counters.add(body);
        self.netlink.dump(GET_STATS_CPU, 0, nfgenmsg, each)?;
        Ok(counters)
    }

    /// Adds entries that nothing evicts. Entries that the table refuses because a chain is full (ENOSPC) or
    /// because they exist already (EEXIST) are skipped: [`Self::size`] returns how many there are.
    ///
    /// # Errors
    /// ENOMEM if the table or the memory is full; other refusals of the kernel.
    pub fn fill(&mut self, entries: u32) -> Result<(), NetlinkError> {
        let filler = FillerEntry::new();
        let mut left = entries;
        while left > 0 {
            let messages = left.min(MESSAGES);
            let mut batch = Batch::new();
            for index in 0..messages {
                let last = index + 1 == messages;
                let flags = CREATE | EXCL | if last { ACK } else { 0 };
                let number = self.next_filler;
                batch.push(NEW, flags, |body| filler.write(number, body));
                self.next_filler = number.wrapping_add(1);
            }
            match self.netlink.request(batch) {
                Err(error) if !matches!(error.errno(), Some(libc::ENOSPC | libc::EEXIST)) => {
                    return Err(error);
                }
                _ => left -= messages,
            }
        }
        Ok(())
    }

    /// # Errors
    /// The kernel refuses the request.
    pub fn flush(&mut self) -> Result<(), NetlinkError> {
        let mut batch = Batch::new();
        batch.push(DELETE, ACK, nfgenmsg);
        self.netlink.request(batch)
    }
}

/// The message that creates a filler entry. Only the source address and port differ between entries.
struct FillerEntry {
    message: Vec<u8>,
    /// The offsets of the source: as the first end of the tuple, and as the second of the reply's tuple.
    sources: [EndOffsets; 2],
}

/// The offsets of an address and its port in a message.
#[derive(Clone, Copy, Default)]
struct EndOffsets {
    address: usize,
    port: usize,
}

impl FillerEntry {
    fn new() -> Self {
        let mut message = vec![libc::AF_INET as u8, libc::NFNETLINK_V0 as u8, 0, 0];
        let (from, to) = (
            ([0; 4], [0; 2]),
            (FILLER_DESTINATION.octets(), FILLER_PORT.to_be_bytes()),
        );
        let [source, _] = tuple(&mut message, CTA_TUPLE_ORIG, [from, to]);
        let [_, source_of_reply] = tuple(&mut message, CTA_TUPLE_REPLY, [to, from]);
        netlink::attribute(&mut message, CTA_STATUS, &FILLER_STATUS.to_be_bytes());
        netlink::attribute(&mut message, CTA_TIMEOUT, &FILLER_TIMEOUT.to_be_bytes());
        Self {
            message,
            sources: [source, source_of_reply],
        }
    }

    fn write(&self, number: u32, body: &mut Vec<u8>) {
        let start = body.len();
        body.extend_from_slice(&self.message);
        let address = (FILLER_SOURCE + (number >> 16)).to_be_bytes();
        let port = &number.to_be_bytes()[2..];
        for at in self.sources {
            body[start + at.address..][..4].copy_from_slice(&address);
            body[start + at.port..][..2].copy_from_slice(port);
        }
    }
}

/// Appends a tuple of two ends, addresses and UDP ports, source first, and returns their offsets. UDP has no
/// states that would let the kernel end an entry early.
fn tuple(body: &mut Vec<u8>, kind: u16, ends: [([u8; 4], [u8; 2]); 2]) -> [EndOffsets; 2] {
    let [(source, source_port), (destination, destination_port)] = ends;
    let mut at = [EndOffsets::default(); 2];
    netlink::nested(body, kind, |body| {
        netlink::nested(body, CTA_TUPLE_IP, |body| {
            at[0].address = put(body, CTA_IP_V4_SRC, &source);
            at[1].address = put(body, CTA_IP_V4_DST, &destination);
        });
        netlink::nested(body, CTA_TUPLE_PROTO, |body| {
            put(body, CTA_PROTO_NUM, &[libc::IPPROTO_UDP as u8]);
            at[0].port = put(body, CTA_PROTO_SRC_PORT, &source_port);
            at[1].port = put(body, CTA_PROTO_DST_PORT, &destination_port);
        });
    });
    at
}

/// Appends an attribute and returns the offset of its value.
fn put(body: &mut Vec<u8>, kind: u16, value: &[u8]) -> usize {
    let at = body.len() + ATTRIBUTE;
    netlink::attribute(body, kind, value);
    at
}

/// Appends a `struct nfgenmsg` for all families.
fn nfgenmsg(body: &mut Vec<u8>) {
    body.extend_from_slice(&[libc::AF_UNSPEC as u8, libc::NFNETLINK_V0 as u8, 0, 0]);
}

fn be32(value: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(value.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::NetNs;
    use crate::sys::testing::{namespace, tool};

    fn of_this_machine() -> u32 {
        let count = std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_count");
        count.unwrap().trim().parse().unwrap()
    }

    fn within<T: Send + 'static>(
        netns: &NetNs,
        work: impl FnOnce(&mut Conntrack) -> T + Send + 'static,
    ) -> T {
        netns.run(|| work(&mut Conntrack::open().unwrap())).unwrap()
    }

    #[test]
    fn filler_entries_all_differ() {
        let filler = FillerEntry::new();
        let message = |number| {
            let mut body = Vec::new();
            filler.write(number, &mut body);
            body
        };
        let bodies: std::collections::BTreeSet<_> = [0, 1, 255, 256, 65_535, 65_536, 262_143]
            .map(message)
            .into();
        assert_eq!(bodies.len(), 7);
    }

    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    fn kernel_only_the_table_of_the_namespace_is_filled_and_emptied() {
        let netns = namespace();
        let before = of_this_machine();
        let size = within(&netns, |table| {
            table.fill(1000).unwrap();
            table.fill(234).unwrap();
            table.size().unwrap()
        });
        assert_eq!(size.count, 1234);
        assert_eq!(tool(&netns, "conntrack -C").trim(), "1234");
        assert_eq!(of_this_machine(), before);
        within(&netns, |table| table.flush().unwrap());
        assert_eq!(tool(&netns, "conntrack -C").trim(), "0");
    }

    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    fn kernel_existing_entries_are_skipped() {
        let netns = namespace();
        within(&netns, |table| table.fill(10).unwrap());
        let size = within(&netns, |table| {
            table.fill(15).unwrap();
            table.size().unwrap()
        });
        assert_eq!(size.count, 15);
    }

    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    fn kernel_filler_entries_are_assured_and_last_for_days() {
        let netns = namespace();
        within(&netns, |table| table.fill(1).unwrap());
        let listed = tool(&netns, "conntrack -L");
        assert!(listed.contains("[ASSURED]"), "{listed}");
        assert!(!listed.contains("[UNREPLIED]"), "{listed}");
        let seconds = listed.split_whitespace().nth(2).unwrap();
        assert!(seconds.parse::<u32>().unwrap() > 400_000, "{listed}");
    }

    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    fn kernel_counters_have_the_names_of_the_conntrack_tool() {
        let netns = namespace();
        let counters = within(&netns, |table| table.counters().unwrap());
        let listed = tool(&netns, "conntrack -S");
        for (metric, value) in counters.iter() {
            let name = metric.name.trim_start_matches("conntrack.");
            assert_eq!(value, 0, "{name}");
            // The first line begins with a tab.
            assert!(listed.contains(&format!("{name}=0")), "{name}: {listed}");
        }
    }
}
