//! The kernel's reports of entries of a connection tracking table: made, changed, removed (Linux
//! `net/netfilter/nf_conntrack_netlink.c`, `ctnetlink_conntrack_event`).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use netlink_sys::Socket;
use nix::sys::socket::{setsockopt, sockopt};

use super::netlink::{NetlinkError, attributes, messages};
use super::sysctl::{Key, Sysctls};
use crate::tcp::AddressPair;

/// `IPCTNL_MSG_CT_NEW` and `IPCTNL_MSG_CT_DELETE` with their subsystem.
const NEW: u16 = (libc::NFNL_SUBSYS_CTNETLINK as u16) << 8;
const DELETE: u16 = NEW | 2;
/// The groups of entries that are made, changed and removed (`NFNLGRP_CONNTRACK_NEW`, `_UPDATE`, `_DESTROY`).
const GROUPS: [u32; 3] = [1, 2, 3];
/// Bytes of `struct nfgenmsg`.
const NFGENMSG: usize = 4;
/// Bytes per read. A report has a few hundred.
const READ: usize = 8 * 1024;
/// Bytes of reports that wait to be read, if root asks for it; a report takes about 800 of them.
const BUFFER: usize = 16 << 20;
/// Makes the kernel stamp its reports with the time (Linux 6.14 and later).
const TIMESTAMP: &str = "net.netfilter.nf_conntrack_timestamp";

const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_STATUS: u16 = 3;
const CTA_PROTOINFO: u16 = 4;
const CTA_TIMEOUT: u16 = 7;
const CTA_ID: u16 = 12;
const CTA_TIMESTAMP_EVENT: u16 = 27;
const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_SRC_PORT: u16 = 2;
const CTA_PROTO_DST_PORT: u16 = 3;
const CTA_PROTOINFO_TCP: u16 = 1;
const CTA_PROTOINFO_TCP_STATE: u16 = 1;

/// `IPS_SEEN_REPLY` and `IPS_ASSURED` (`nf_conntrack_common.h`).
const SEEN_REPLY: u32 = 1 << 1;
const ASSURED: u32 = 1 << 2;

/// `enum tcp_conntrack` (`nf_conntrack_tcp.h`).
const STATES: [&str; 10] = [
    "NONE",
    "SYN_SENT",
    "SYN_RECV",
    "ESTABLISHED",
    "FIN_WAIT",
    "CLOSE_WAIT",
    "LAST_ACK",
    "TIME_WAIT",
    "CLOSE",
    "SYN_SENT2",
];

/// A report about an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryReport {
    /// True if the entry was removed; otherwise it was made or changed.
    pub removed: bool,
    /// The kernel's number for the entry.
    pub id: u32,
    /// The number of its protocol.
    pub protocol: u8,
    /// Source and destination of the packets that opened it; without ports for protocols that have none.
    pub original: AddressPair,
    /// Source and destination of the packets that answer it.
    pub reply: AddressPair,
    /// The state of a TCP connection, as connection tracking sees it.
    pub state: Option<&'static str>,
    /// True if a packet has answered.
    pub seen_reply: bool,
    /// True if a full table does not evict it.
    pub assured: bool,
    /// Seconds until it is removed, if no packet renews it; absent if it was removed.
    pub timeout: Option<u32>,
    /// Wall-clock time of the report, if the kernel stamps it: nanoseconds since 1970.
    pub time: Option<u64>,
}

impl EntryReport {
    /// Reads a message.
    pub(super) fn read(kind: u16, body: &[u8]) -> Option<Self> {
        if kind != NEW && kind != DELETE {
            return None;
        }
        let mut report = Self {
            removed: kind == DELETE,
            id: 0,
            protocol: 0,
            original: unknown(),
            reply: unknown(),
            state: None,
            seen_reply: false,
            assured: false,
            timeout: None,
            time: None,
        };
        let mut has_tuple = false;
        for (kind, value) in attributes(body.get(NFGENMSG..)?) {
            match kind {
                CTA_TUPLE_ORIG => {
                    (report.protocol, report.original) = tuple(value)?;
                    has_tuple = true;
                }
                CTA_TUPLE_REPLY => (_, report.reply) = tuple(value)?,
                CTA_STATUS => {
                    let status = u32::from_be_bytes(value.try_into().ok()?);
                    report.seen_reply = status & SEEN_REPLY != 0;
                    report.assured = status & ASSURED != 0;
                }
                CTA_PROTOINFO => report.state = state(value),
                CTA_TIMEOUT => report.timeout = Some(u32::from_be_bytes(value.try_into().ok()?)),
                CTA_ID => report.id = u32::from_be_bytes(value.try_into().ok()?),
                CTA_TIMESTAMP_EVENT => {
                    report.time = Some(u64::from_be_bytes(value.try_into().ok()?));
                }
                _ => {}
            }
        }
        has_tuple.then_some(report)
    }
}

fn unknown() -> AddressPair {
    let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    (nowhere, nowhere)
}

/// Reads a tuple: the protocol, and both ends.
fn tuple(body: &[u8]) -> Option<(u8, AddressPair)> {
    let mut addresses = [None; 2];
    let mut ports = [0; 2];
    let mut protocol = 0;
    for (kind, value) in attributes(body) {
        match kind {
            CTA_TUPLE_IP => {
                for (kind, value) in attributes(value) {
                    // CTA_IP_V4_SRC, CTA_IP_V4_DST, CTA_IP_V6_SRC, CTA_IP_V6_DST.
                    let end = usize::from(kind.checked_sub(1)?) % 2;
                    addresses[end] = address(value);
                }
            }
            CTA_TUPLE_PROTO => {
                for (kind, value) in attributes(value) {
                    match kind {
                        CTA_PROTO_NUM => protocol = *value.first()?,
                        CTA_PROTO_SRC_PORT => ports[0] = port(value)?,
                        CTA_PROTO_DST_PORT => ports[1] = port(value)?,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    let end = |index: usize| Some(SocketAddr::new(addresses[index]?, ports[index]));
    Some((protocol, (end(0)?, end(1)?)))
}

fn address(value: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(value) {
        return Some(Ipv4Addr::from(octets).into());
    }
    let octets = <[u8; 16]>::try_from(value).ok()?;
    Some(Ipv6Addr::from(octets).into())
}

fn port(value: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(value.try_into().ok()?))
}

fn state(body: &[u8]) -> Option<&'static str> {
    let (_, tcp) = attributes(body).find(|(kind, _)| *kind == CTA_PROTOINFO_TCP)?;
    let (_, state) = attributes(tcp).find(|(kind, _)| *kind == CTA_PROTOINFO_TCP_STATE)?;
    STATES.get(usize::from(*state.first()?)).copied()
}

/// The reports about the table of a namespace.
#[derive(Debug)]
pub struct ConntrackEvents {
    socket: Socket,
    buffer: Vec<u8>,
}

impl ConntrackEvents {
    /// Asks for the reports of the calling thread's namespace. The kernel makes them only for entries that come later
    /// (`net.netfilter.nf_conntrack_events` = 2, the default since Linux 6.1) or, if it is 1, for all.
    ///
    /// # Errors
    /// EPERM without CAP_NET_ADMIN over the namespace; EPROTONOSUPPORT without nfnetlink.
    pub fn open() -> Result<Self, NetlinkError> {
        let open = || {
            let mut socket = Socket::new(libc::NETLINK_NETFILTER as isize)?;
            socket.bind_auto()?;
            socket.set_non_blocking(true)?;
            for group in GROUPS {
                socket.add_membership(group)?;
            }
            Ok(socket)
        };
        let socket = open().map_err(NetlinkError::Socket)?;
        let events = Self {
            socket,
            buffer: vec![0; READ],
        };
        // Without CAP_NET_ADMIN over the machine, the buffer keeps its default size.
        let _default = setsockopt(&events.as_fd(), sockopt::RcvBufForce, &BUFFER);
        Ok(events)
    }

    /// Makes the kernel stamp its reports in the calling thread's namespace, which it does since Linux 6.14.
    pub fn stamp() {
        if let Some(key) = Key::parse(TIMESTAMP) {
            let _without = Sysctls::new().set(&key, "1");
        }
    }

    /// Passes every report that waits to `each`.
    ///
    /// # Errors
    /// ENOBUFS if reports came faster than they were read, and some are lost.
    pub fn take(&mut self, mut each: impl FnMut(EntryReport)) -> io::Result<()> {
        loop {
            let length = match self.socket.recv(&mut &mut self.buffer[..], 0) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let datagram = self.buffer.get(..length).unwrap_or_default();
            let _truncated = messages(datagram, |_, kind, body| {
                if let Some(report) = EntryReport::read(kind, body) {
                    each(report);
                }
                Ok(false)
            });
        }
    }
}

impl AsFd for ConntrackEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::sys::testing::{namespace, tool};

    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    fn kernel_reports_follow_a_connection_from_its_syn_to_its_end() {
        let netns = namespace();
        tool(&netns, "ip link set lo up");
        tool(&netns, "nft add table t");
        tool(
            &netns,
            "nft add chain t c { type filter hook output priority 0 ; }",
        );
        tool(&netns, "nft add rule t c ct state new counter");
        let reports = netns.run(|| {
            ConntrackEvents::stamp();
            let mut events = ConntrackEvents::open().unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let server = listener.accept().unwrap();
            let pair = (client.local_addr().unwrap(), client.peer_addr().unwrap());
            drop(client);
            drop(server);
            let mut reports = Vec::new();
            while !reports
                .iter()
                .any(|report: &EntryReport| report.state == Some("TIME_WAIT"))
            {
                events.take(|report| reports.push(report)).unwrap();
                std::thread::yield_now();
            }
            (pair, reports)
        });
        let ((from, to), reports) = reports.unwrap();
        let states: Vec<_> = reports.iter().filter_map(|report| report.state).collect();
        assert_eq!(states[..3], ["SYN_SENT", "SYN_RECV", "ESTABLISHED"]);
        assert_eq!(reports[0].original, (from, to));
        assert_eq!(reports[0].reply, (to, from));
        assert_eq!(reports[0].timeout, Some(120));
        assert!(!reports[0].seen_reply && reports[1].seen_reply && reports[2].assured);
        assert!(
            reports
                .iter()
                .all(|report| report.id == reports[0].id && !report.removed)
        );
    }

    #[test]
    fn other_messages_and_cut_ones_are_no_reports() {
        assert_eq!(EntryReport::read(NEW | 1, &[2, 0, 0, 0]), None);
        assert_eq!(EntryReport::read(NEW, &[2, 0, 0, 0]), None);
        assert_eq!(EntryReport::read(DELETE, &[2]), None);
    }
}
