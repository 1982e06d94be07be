//! The TCP sockets of a namespace, as listed by inet_diag (sock_diag(7), Linux `net/ipv4/inet_diag.c`).
//!
//! Not here: when to list them.

use std::net::{IpAddr, SocketAddr};

use super::netlink::{self, Netlink, NetlinkError};
use super::tcp_info::TcpInfo;
use crate::tcp::TcpState;

/// A set of states in the kernel's form: one bit per state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpStates(u32);

impl TcpStates {
    /// Returns the set of all eleven states.
    pub fn all() -> Self {
        TcpState::LISTED.into_iter().collect()
    }

    /// Returns the set with a state added.
    #[must_use]
    pub fn with(self, state: TcpState) -> Self {
        Self(self.0 | 1 << state as u32)
    }

    /// Returns the set with a state removed.
    #[must_use]
    pub fn without(self, state: TcpState) -> Self {
        Self(self.0 & !(1 << state as u32))
    }

    /// Returns whether a state is in the set.
    pub fn contains(self, state: TcpState) -> bool {
        self.0 & 1 << state as u32 != 0
    }

    /// Returns whether no state is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<TcpState> for TcpStates {
    fn from_iter<I: IntoIterator<Item = TcpState>>(states: I) -> Self {
        states.into_iter().fold(Self::default(), Self::with)
    }
}

/// Counts of sockets by state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SocketCounts {
    by_state: [u32; TcpState::ALL.len() + 1],
    /// The sockets in FIN_WAIT2 that the kernel already keeps as small sockets, like those in TIME_WAIT
    /// (`tw_substate`). `tw` in `/proc/net/sockstat` counts them together with those in TIME_WAIT.
    pub fin_wait2_small: u32,
    /// Bytes of protocol memory that the sockets hold, if requested: for each socket `sk_rmem_alloc`
    /// (received and not yet read), `sk_wmem_queued` (sent and not yet acknowledged, or waiting) and
    /// `sk_forward_alloc` (reserved), each including the overhead of buffers. The sockets themselves,
    /// half-open ones and those in TIME_WAIT are not included.
    pub memory: u64,
}

impl SocketCounts {
    /// Returns the count of a state.
    pub fn of(&self, state: TcpState) -> u32 {
        self.by_state[state as usize]
    }

    pub(super) fn add(&mut self, message: &[u8], memory: bool) {
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

/// `TCPDIAG_GETSOCK` (`include/uapi/linux/inet_diag.h`): unlike `SOCK_DIAG_BY_FAMILY` it lists both families
/// in one walk of the hash. A server that listens on `::` has IPv6 sockets even if every packet is IPv4.
const TCPDIAG_GETSOCK: u16 = 18;
/// `SOCK_DIAG_BY_FAMILY` (`include/uapi/linux/sock_diag.h`), with `struct inet_diag_req_v2`.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// `INET_DIAG_NOCOOKIE`, twice: any socket with the addresses.
const NO_COOKIE: [u8; 8] = [0xff; 8];
/// Bytes of `struct inet_diag_req` before the states: family, lengths, extensions, `struct inet_diag_sockid`.
const BEFORE_STATES: usize = 4 + 48;
/// Offset of the requested extensions in `struct inet_diag_req`.
const EXTENSIONS: usize = 3;
/// `INET_DIAG_INFO`: `struct tcp_info`.
const INFO: u16 = 2;
/// `INET_DIAG_SKMEMINFO`; extension N has bit N - 1.
const SKMEMINFO: u16 = 7;
/// Bytes of `struct inet_diag_msg`.
const MESSAGE: usize = 72;
/// Offsets in `struct inet_diag_msg`: ports in network order, addresses (4 or 16 bytes of 16), and the two
/// queues, whose meaning depends on the state (sock_diag(7)).
const SOURCE_PORT: usize = 4;
const DESTINATION_PORT: usize = 6;
const SOURCE: usize = 8;
const DESTINATION: usize = 24;
const RECEIVE_QUEUE: usize = 56;
const SEND_QUEUE: usize = 60;
/// `idiag_timer` of the small sockets in TIME_WAIT (sock_diag(7)).
const TIMER_TIME_WAIT: u8 = 3;
/// Indexes into the array of `INET_DIAG_SKMEMINFO` (`include/uapi/linux/sock_diag.h`):
/// `SK_MEMINFO_RMEM_ALLOC`, `SK_MEMINFO_FWD_ALLOC`, `SK_MEMINFO_WMEM_QUEUED`.
const MEMINFO_HELD: [usize; 3] = [0, 4, 5];

/// A sock_diag socket in the namespace of the thread that opened it.
#[derive(Debug)]
pub struct SockDiag {
    netlink: Netlink,
}

impl SockDiag {
    /// Opens the socket in the calling thread's namespace.
    ///
    /// # Errors
    /// The kernel has no sock_diag.
    pub fn open() -> Result<Self, NetlinkError> {
        Ok(Self {
            netlink: Netlink::open(libc::NETLINK_SOCK_DIAG)?,
        })
    }

    /// Counts the namespace's TCP sockets of both families in these states; the kernel lists no others. With
    /// `memory`, also adds up the memory that they hold. Sockets that are neither connected nor listening are
    /// never listed, so CLOSE does not count them.
    ///
    /// # Errors
    /// The kernel refuses the request.
    pub fn count(&mut self, states: TcpStates, memory: bool) -> Result<SocketCounts, NetlinkError> {
        let mut counts = SocketCounts::default();
        let extension = memory.then_some(SKMEMINFO);
        self.dump(states, extension, |message| counts.add(message, memory))?;
        Ok(counts)
    }

    /// Lists the namespace's listening sockets.
    ///
    /// # Errors
    /// The kernel refuses the request.
    pub fn listening(&mut self) -> Result<Vec<ListeningSocket>, NetlinkError> {
        let mut listening = Vec::new();
        let states = [TcpState::Listen].into_iter().collect();
        self.dump(states, None, |message| {
            listening.extend(ListeningSocket::read(message));
        })?;
        Ok(listening)
    }

    /// Lists the namespace's connections in these states, including half-open ones. With
    /// `info`, includes `struct tcp_info`.
    ///
    /// # Errors
    /// The kernel refuses the request.
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

    /// Returns the state of the socket with these addresses, or `None` if the namespace has none. Sockets in TIME_WAIT
    /// are found too.
    ///
    /// # Errors
    /// The kernel refuses the request.
    pub fn state_of(
        &mut self,
        (local, remote): (SocketAddr, SocketAddr),
    ) -> Result<Option<TcpState>, NetlinkError> {
        let family = match local {
            SocketAddr::V4(_) => libc::AF_INET,
            SocketAddr::V6(_) => libc::AF_INET6,
        };
        let request = |body: &mut Vec<u8>| {
            body.extend([family as u8, libc::IPPROTO_TCP as u8, 0, 0]);
            body.extend(TcpStates::all().0.to_ne_bytes());
            body.extend(local.port().to_be_bytes());
            body.extend(remote.port().to_be_bytes());
            for ip in [local.ip(), remote.ip()] {
                let mut bytes = [0; 16];
                match ip {
                    IpAddr::V4(ip) => bytes[..4].copy_from_slice(&ip.octets()),
                    IpAddr::V6(ip) => bytes = ip.octets(),
                }
                body.extend(bytes);
            }
            body.extend([0; 4]);
            body.extend(NO_COOKIE);
        };
        let state = |message: &[u8]| message.get(1).copied();
        match self.netlink.get(SOCK_DIAG_BY_FAMILY, request, state) {
            Ok(number) => Ok(TcpState::ALL
                .into_iter()
                .find(|state| *state as u8 == number)),
            Err(error) if error.errno() == Some(libc::ENOENT) => Ok(None),
            Err(error) => Err(error),
        }
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

/// A listening socket, with the state of its accept queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListeningSocket {
    /// Address and port; the address is unspecified if it listens on all addresses of the family.
    pub address: SocketAddr,
    /// Connections that wait in its queue for `accept(2)` (`sk_ack_backlog`).
    pub queued: u32,
    /// Limit of the queue (`sk_max_ack_backlog`); one more connection is accepted before it counts as full.
    pub limit: u32,
}

impl ListeningSocket {
    pub(super) fn read(message: &[u8]) -> Option<Self> {
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

/// A connection as listed by the kernel.
#[derive(Debug)]
pub struct ListedConnection<'a> {
    /// The address of this end.
    pub local: SocketAddr,
    /// The address of the other end.
    pub remote: SocketAddr,
    /// The state, by the kernel's number.
    pub state: u8,
    /// The kernel's `struct tcp_info`, if requested.
    pub info: Option<TcpInfo<'a>>,
}

impl<'a> ListedConnection<'a> {
    pub(super) fn read(message: &'a [u8]) -> Option<Self> {
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

/// Parses one end of a socket in a `struct inet_diag_msg`. IPv4 addresses of IPv6
/// sockets (`::ffff:10.0.0.1`) become IPv4.
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
