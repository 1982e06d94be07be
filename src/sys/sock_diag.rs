//! TCP sockets of a namespace, counted by state: what inet_diag lists (sock_diag(7), Linux `net/ipv4/inet_diag.c`).
//!
//! Knows the protocol and nothing of when to ask.

use std::net::{IpAddr, SocketAddr};

use super::netlink::{self, Netlink, NetlinkError};
use super::tcp_info::TcpInfo;
use crate::tcp::TcpState;

/// A set of states, as the kernel takes it: one bit a state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpStates(u32);

impl TcpStates {
    /// All eleven.
    pub fn all() -> Self {
        TcpState::ALL.into_iter().collect()
    }

    /// The set with one more.
    #[must_use]
    pub fn with(self, state: TcpState) -> Self {
        Self(self.0 | 1 << state as u32)
    }

    /// The set with one less.
    #[must_use]
    pub fn without(self, state: TcpState) -> Self {
        Self(self.0 & !(1 << state as u32))
    }

    /// Whether the set has this state.
    pub fn contains(self, state: TcpState) -> bool {
        self.0 & 1 << state as u32 != 0
    }

    /// Whether the set has none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<TcpState> for TcpStates {
    fn from_iter<I: IntoIterator<Item = TcpState>>(states: I) -> Self {
        states.into_iter().fold(Self::default(), Self::with)
    }
}

/// How many sockets are in which state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SocketCounts {
    by_state: [u32; 12],
    /// Of those in FIN_WAIT2, the ones that the kernel already keeps as TIME_WAIT's small sockets (`tw_substate`):
    /// `tw` of `/proc/net/sockstat` counts them with those in TIME_WAIT.
    pub fin_wait2_small: u32,
    /// Bytes that the sockets hold of the protocol's memory, where it was asked for: for each `sk_rmem_alloc` (received
    /// and not yet read), `sk_wmem_queued` (sent and not yet acknowledged, or waiting) and `sk_forward_alloc`
    /// (reserved), each with the buffers' overhead. Not the sockets themselves, nor half-open ones and TIME_WAIT.
    pub memory: u64,
}

impl SocketCounts {
    /// How many were in this state.
    pub fn of(&self, state: TcpState) -> u32 {
        self.by_state[state as usize]
    }

    fn add(&mut self, message: &[u8], memory: bool) {
        let &[_family, state, timer, ..] = message else {
            return;
        };
        if let Some(count) = self.by_state.get_mut(usize::from(state)) {
            *count += 1;
        }
        if state == TcpState::FinWait2 as u8 && timer == TIMER_TIME_WAIT {
            self.fin_wait2_small += 1;
        }
        if memory {
            self.memory += memory_of(message).unwrap_or(0);
        }
    }
}

/// `TCPDIAG_GETSOCK` (`include/uapi/linux/inet_diag.h`): unlike `SOCK_DIAG_BY_FAMILY` it lists both families in one walk
/// of the hash. A server that listens on `::` has IPv6 sockets also where every packet is IPv4.
const TCPDIAG_GETSOCK: u16 = 18;
/// Bytes of `struct inet_diag_req` before its states: family, lengths, extensions, `struct inet_diag_sockid`.
const BEFORE_STATES: usize = 4 + 48;
/// Where the extensions wanted stand in it.
const EXTENSIONS: usize = 3;
/// `INET_DIAG_INFO`: `struct tcp_info`.
const INFO: u16 = 2;
/// `INET_DIAG_SKMEMINFO`; the bit of extension N is N - 1.
const SKMEMINFO: u16 = 7;
/// Bytes of `struct inet_diag_msg`.
const MESSAGE: usize = 72;
/// Where the ports stand in it, in network order, the addresses (4 or 16 bytes of 16), and the two queues, whose meaning
/// depends on the state (`inet_diag_msg`, sock_diag(7)).
const SOURCE_PORT: usize = 4;
const DESTINATION_PORT: usize = 6;
const SOURCE: usize = 8;
const DESTINATION: usize = 24;
const RECEIVE_QUEUE: usize = 56;
const SEND_QUEUE: usize = 60;
/// `idiag_timer` of TIME_WAIT's small sockets (sock_diag(7)).
const TIMER_TIME_WAIT: u8 = 3;
/// Positions in the array of `INET_DIAG_SKMEMINFO` (`include/uapi/linux/sock_diag.h`): `SK_MEMINFO_RMEM_ALLOC`,
/// `SK_MEMINFO_FWD_ALLOC`, `SK_MEMINFO_WMEM_QUEUED`.
const MEMINFO_HELD: [usize; 3] = [0, 4, 5];

/// A sock_diag socket in the namespace of the thread that opened it.
#[derive(Debug)]
pub struct SockDiag {
    netlink: Netlink,
}

impl SockDiag {
    /// Opens one.
    ///
    /// # Errors
    /// Where the kernel has no sock_diag.
    pub fn open() -> Result<Self, NetlinkError> {
        Ok(Self {
            netlink: Netlink::open(libc::NETLINK_SOCK_DIAG)?,
        })
    }

    /// Counts the namespace's TCP sockets of both families in these states; the kernel lists no others. With `memory`
    /// also what they hold. Sockets that are neither connected nor listening are in no list: CLOSE counts none of them.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn count(&mut self, states: TcpStates, memory: bool) -> Result<SocketCounts, NetlinkError> {
        let mut counts = SocketCounts::default();
        let extension = memory.then_some(SKMEMINFO);
        self.dump(states, extension, |message| counts.add(message, memory))?;
        Ok(counts)
    }

    /// Lists the namespace's listening sockets.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn listening(&mut self) -> Result<Vec<ListeningSocket>, NetlinkError> {
        let mut listening = Vec::new();
        let states = [TcpState::Listen].into_iter().collect();
        self.dump(states, None, |message| {
            listening.extend(ListeningSocket::read(message));
        })?;
        Ok(listening)
    }

    /// Lists the namespace's connections in these states, half-open ones among them; with `info` also what the kernel says of each.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn connections(
        &mut self,
        states: TcpStates,
        info: bool,
        mut each: impl FnMut(&ListedConnection<'_>),
    ) -> Result<(), NetlinkError> {
        self.dump(states, info.then_some(INFO), |message| {
            if let Some(connection) = ListedConnection::read(message) {
                each(&connection);
            }
        })
    }

    fn dump(
        &mut self,
        states: TcpStates,
        extension: Option<u16>,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), NetlinkError> {
        self.netlink.dump(
            TCPDIAG_GETSOCK,
            0,
            |body| {
                let start = body.len();
                body.resize(start + BEFORE_STATES, 0);
                if let Some(extension) = extension {
                    body[start + EXTENSIONS] = 1 << (extension - 1);
                }
                body.extend_from_slice(&states.0.to_ne_bytes());
                body.extend_from_slice(&[0; 4]);
            },
            |_, message| each(message),
        )
    }
}

/// A listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListeningSocket {
    /// Address and port; the wildcard address for all of the family's.
    pub address: SocketAddr,
    /// Connections that wait in its queue for `accept(2)` (`sk_ack_backlog`).
    pub queued: u32,
    /// How many may (`sk_max_ack_backlog`): one more is let in before it counts as full.
    pub limit: u32,
}

impl ListeningSocket {
    fn read(message: &[u8]) -> Option<Self> {
        let word = |at: usize| {
            let bytes = message.get(at..at + 4)?;
            Some(u32::from_ne_bytes(bytes.try_into().ok()?))
        };
        Some(Self {
            address: address(message, SOURCE_PORT, SOURCE)?,
            queued: word(RECEIVE_QUEUE)?,
            limit: word(SEND_QUEUE)?,
        })
    }
}

/// A connection, as far as it is told apart from others.
#[derive(Debug)]
pub struct ListedConnection<'a> {
    /// This end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// Its state, by the kernel's number.
    pub state: u8,
    /// What the kernel says of it, where that was asked for.
    pub info: Option<TcpInfo<'a>>,
}

impl<'a> ListedConnection<'a> {
    fn read(message: &'a [u8]) -> Option<Self> {
        let attributes = message.get(MESSAGE..)?;
        let info = netlink::attributes(attributes).find(|(kind, _)| *kind == INFO);
        Some(Self {
            local: address(message, SOURCE_PORT, SOURCE)?,
            remote: address(message, DESTINATION_PORT, DESTINATION)?,
            state: *message.get(1)?,
            info: info.map(|(_, info)| TcpInfo(info)),
        })
    }
}

/// One end of a socket in a `struct inet_diag_msg`; IPv4 also where an IPv6 socket has it (`::ffff:10.0.0.1`).
fn address(message: &[u8], port: usize, ip: usize) -> Option<SocketAddr> {
    let port = message.get(port..port + 2)?;
    let port = u16::from_be_bytes(port.try_into().ok()?);
    let bytes: [u8; 16] = message.get(ip..ip + 16)?.try_into().ok()?;
    let ip = if i32::from(*message.first()?) == libc::AF_INET {
        let [a, b, c, d, ..] = bytes;
        IpAddr::from([a, b, c, d])
    } else {
        IpAddr::from(bytes).to_canonical()
    };
    Some(SocketAddr::new(ip, port))
}

fn memory_of(message: &[u8]) -> Option<u64> {
    let (_, held) =
        netlink::attributes(message.get(MESSAGE..)?).find(|(kind, _)| *kind == SKMEMINFO)?;
    let word = |index: usize| {
        let bytes = held.get(index * 4..index * 4 + 4)?;
        Some(u64::from(u32::from_ne_bytes(bytes.try_into().ok()?)))
    };
    MEMINFO_HELD.into_iter().map(word).sum()
}

#[cfg(test)]
mod tests;
