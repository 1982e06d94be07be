//! The kernel's own account of TCP in some network namespaces: changes of state, dropped packets with the reason,
//! retransmissions, resets, and the windows of some sockets, from tracepoints.
//!
//! Small programs at the tracepoints (bpf(2)) find out the namespace of each event, which the events of tracefs do not
//! carry, so that labs with equal addresses are kept apart. The kernel removes the programs with this process.
//!
//! Not traced: sockets that are not complete (SYN_RECV before the last packet of the handshake, TIME_WAIT), and a SYN
//! that a full accept queue refuses, which the kernel counts but does not report as a drop.

mod layout;
mod message;
mod programs;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::sys::bpf::btf::KernelTypes;
use crate::sys::bpf::ring::MessageRing;
use crate::sys::bpf::{self, MapKind};
use crate::sys::sandbox::in_user_namespace;
use crate::tcp::{Segment, TcpState};
use layout::KernelLayout;
use message::{RawMessage, position};
use programs::{MessageKind, TraceMaps};

/// Bytes of the ring: 40,000 messages, a second and more of the fastest load.
const RING: usize = 8 << 20;

/// `TCP_INFINITE_SSTHRESH` (Linux `include/net/tcp.h`).
const NO_THRESHOLD: u32 = 0x7fff_ffff;
/// The most sockets that are followed beside the first ones.
const MORE_FOLLOWED: u32 = 64;

/// An event of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedEvent {
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub time: u64,
    /// The index of the namespace.
    pub node: usize,
    /// The kernel's address of the socket, 0 if there is none; it tells sockets apart while they exist.
    pub socket: u64,
    /// The socket's own address and its peer's; port 0 if it has none (yet).
    pub local: SocketAddr,
    /// The peer.
    pub peer: SocketAddr,
    /// The event.
    pub kind: TracedKind,
}

/// The kind of a traced event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum TracedKind {
    State {
        from: TcpState,
        to: TcpState,
    },
    /// A packet was dropped; `None` if it was not a TCP segment.
    Drop {
        reason: String,
        segment: Option<Segment>,
        queues: Option<ReceiverQueues>,
    },
    Retransmission,
    /// The kernel sent a reset; kernels before 6.10 give no reason.
    ResetSent {
        reason: Option<String>,
    },
    ResetReceived,
    /// The windows of an established socket when it received a segment.
    Window(SocketWindow),
}

/// The queues of a receiving socket at the moment of a drop (Linux 6.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverQueues {
    /// Bytes in its receive buffer, with the bookkeeping of the kernel (`sk_rmem_alloc`).
    pub received: u32,
    /// The limit of the receive buffer (`sk_rcvbuf`).
    pub receive_limit: u32,
    /// Bytes that wait because a program holds the socket (`sk_backlog.len`).
    pub backlog: u32,
    /// Connections in the accept queue (`sk_ack_backlog`).
    pub accept: u32,
    /// The limit of the accept queue (`sk_max_ack_backlog`).
    pub accept_limit: u32,
}

/// The congestion control and flow control of a TCP socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketWindow {
    /// The congestion window in segments (`snd_cwnd`).
    pub congestion: u32,
    /// The slow start threshold in segments (`snd_ssthresh`); `None` while there is none.
    pub slow_start_below: Option<u32>,
    /// The smoothed round-trip time (`srtt_us`).
    pub round_trip: Duration,
    /// The window that the peer announced last, in bytes (`snd_wnd`).
    pub peer: u32,
    /// The window that this end announced last, in bytes (`rcv_wnd`).
    pub own: u32,
}

/// A trace in progress.
#[derive(Debug)]
pub struct KernelTrace {
    ring: MessageRing,
    lost: OwnedFd,
    followed: OwnedFd,
    _nodes: OwnedFd,
    _begun: OwnedFd,
    _programs: Vec<OwnedFd>,
    drop_reasons: BTreeMap<u32, String>,
    reset_reasons: BTreeMap<u32, String>,
    has_all_resets: bool,
}

impl KernelTrace {
    /// Starts to trace the namespaces with these numbers.
    ///
    /// # Errors
    /// The kernel or the privileges do not allow it; the text says what is missing.
    pub fn start(namespaces: &[u64]) -> io::Result<Self> {
        if in_user_namespace() {
            let text = "only root of the host may trace the kernel, not root of a user namespace";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        let types = KernelTypes::of_kernel()
            .map_err(|error| named("read /sys/kernel/btf/vmlinux", &error))?;
        let layout = KernelLayout::find(&types)?;
        let create = |kind, sizes| {
            bpf::create_map(kind, sizes).map_err(|error| named("create a BPF map", &error))
        };
        let ring = MessageRing::create(RING).map_err(|error| named("create a BPF ring", &error))?;
        let entries = u32::try_from(namespaces.len()).unwrap_or(u32::MAX).max(1);
        let nodes = create(MapKind::Hash, [4, 4, entries])?;
        let lost = create(MapKind::Array, [4, 8, 1])?;
        let begun = create(MapKind::Array, [4, 8, 1])?;
        let from_start = programs::FOLLOWED_FROM_START.unsigned_abs();
        let followed = create(MapKind::Hash, [8, 8, from_start + MORE_FOLLOWED])?;
        for (index, number) in (0_u32..).zip(namespaces) {
            let number = u32::try_from(*number).map_err(io::Error::other)?;
            bpf::set(&nodes, number, index).map_err(|error| named("fill a BPF map", &error))?;
        }
        let maps = TraceMaps {
            nodes: &nodes,
            ring: ring.map(),
            lost: &lost,
            followed: &followed,
            begun: &begun,
        };
        let mut running = Vec::new();
        for (tracepoint, program) in all(&types, &layout, maps)? {
            let name = tracepoint.to_string_lossy();
            let program = bpf::load(&program)
                .map_err(|error| named(&format!("load the program for `{name}`"), &error))?;
            let attached = bpf::attach(&program, tracepoint)
                .map_err(|error| named(&format!("attach to `{name}`"), &error))?;
            running.push(attached);
        }
        Ok(Self {
            drop_reasons: types.constants("skb_drop_reason", "SKB_DROP_REASON_"),
            reset_reasons: types.constants("sk_rst_reason", "SK_RST_REASON_"),
            // Together with the reason.
            has_all_resets: types.arguments_of_tracepoint("tcp_send_reset") >= Some(3),
            ring,
            lost,
            followed,
            _nodes: nodes,
            _begun: begun,
            _programs: running,
        })
    }

    /// Returns true if this kernel may drop packets for a reason of this name.
    pub fn has_drop_reason(&self, name: &str) -> bool {
        self.drop_reasons.values().any(|known| known == name)
    }

    /// Returns true if resets that answer packets without a socket are traced too (Linux 6.10).
    pub fn has_all_resets(&self) -> bool {
        self.has_all_resets
    }

    /// Passes the events so far to `take`, in the order in which the kernel sent them.
    pub fn take(&mut self, mut take: impl FnMut(TracedEvent)) {
        let (drops, resets) = (&self.drop_reasons, &self.reset_reasons);
        self.ring.take(|message| {
            if let Some(event) = event(RawMessage(message), drops, resets) {
                take(event);
            }
        });
    }

    /// Follows the windows of a socket too, by the kernel's address of it.
    ///
    /// # Errors
    /// E2BIG if too many are followed.
    pub fn follow(&self, socket: u64) -> io::Result<()> {
        bpf::set_long(&self.followed, socket, 0)
    }

    /// Returns the number of events that came faster than they were taken, and are missing.
    ///
    /// # Errors
    /// The errors of bpf(2).
    pub fn lost(&self) -> io::Result<u64> {
        bpf::first(&self.lost)
    }
}

impl AsFd for KernelTrace {
    /// Readable when there are events.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }
}

fn named(action: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {action}: {error}"))
}

/// Returns the programs for this kernel, with their tracepoints.
fn all(
    types: &KernelTypes,
    layout: &KernelLayout,
    maps: TraceMaps<'_>,
) -> io::Result<Vec<(&'static CStr, Vec<u64>)>> {
    let arguments = |name: &str| {
        types.arguments_of_tracepoint(name).ok_or_else(|| {
            let text = format!("this kernel has no tracepoint `{name}`");
            io::Error::new(io::ErrorKind::Unsupported, text)
        })
    };
    arguments("inet_sock_set_state")?;
    // The reason is new in Linux 5.17.
    let of_drop = arguments("kfree_skb")?;
    if of_drop < 3 {
        let text = "this kernel does not say why it drops packets (Linux 5.17 does)";
        return Err(io::Error::new(io::ErrorKind::Unsupported, text));
    }
    let of_reset = arguments("tcp_send_reset")?;
    let of_socket = |kind| programs::of_socket(layout, maps, kind);
    Ok(vec![
        (c"inet_sock_set_state", programs::state(layout, maps)),
        (c"kfree_skb", programs::drop(layout, maps, of_drop)),
        (
            c"tcp_send_reset",
            programs::reset_sent(layout, maps, of_reset),
        ),
        (
            c"tcp_retransmit_skb",
            of_socket(MessageKind::Retransmission),
        ),
        (c"tcp_receive_reset", of_socket(MessageKind::ResetReceived)),
        (c"tcp_probe", programs::window(layout, maps)),
    ])
}

/// Reads a message. Returns `None` for one that this program does not send.
fn event(
    message: RawMessage<'_>,
    drops: &BTreeMap<u32, String>,
    resets: &BTreeMap<u32, String>,
) -> Option<TracedEvent> {
    let [first, second] = [position::FIRST, position::SECOND].map(|at| message.number(at));
    let is = |kind: MessageKind| message.number(position::KIND) == kind as u32;
    let (mut local, mut peer) = (message.local(), message.peer());
    let kind = if is(MessageKind::State) {
        TracedKind::State {
            from: state(first)?,
            to: state(second)?,
        }
    } else if is(MessageKind::Drop) {
        let segment = message.segment();
        if let Some(segment) = &segment {
            (local, peer) = (segment.to, segment.from);
        } else if let Some(datagram) = message.datagram() {
            (local, peer) = (datagram.to, datagram.from);
        }
        let number = || format!("REASON_{first}");
        TracedKind::Drop {
            reason: drops.get(&first).cloned().unwrap_or_else(number),
            segment,
            queues: (message.number(position::HAS_QUEUES) == 1).then(|| queues(message)),
        }
    } else if is(MessageKind::Retransmission) {
        TracedKind::Retransmission
    } else if is(MessageKind::ResetSent) {
        // A listener has no peer; the packet that it answers has.
        if let Some(segment) = message.segment().filter(|_| peer.port() == 0) {
            (local, peer) = (segment.to, segment.from);
        }
        TracedKind::ResetSent {
            reason: resets.get(&first).cloned(),
        }
    } else if is(MessageKind::ResetReceived) {
        TracedKind::ResetReceived
    } else if is(MessageKind::Window) {
        TracedKind::Window(window(message))
    } else {
        return None;
    };
    Some(TracedEvent {
        time: message.long(position::TIME),
        node: message.number(position::NODE) as usize,
        socket: message.long(position::SOCKET),
        local,
        peer,
        kind,
    })
}

fn queues(message: RawMessage<'_>) -> ReceiverQueues {
    let [received, receive_limit, backlog, accept, accept_limit] = message.five(position::QUEUES);
    ReceiverQueues {
        received,
        receive_limit,
        backlog,
        accept,
        accept_limit,
    }
}

fn window(message: RawMessage<'_>) -> SocketWindow {
    let [congestion, slow_start_below, round_trip, peer, own] = message.five(position::WINDOW);
    SocketWindow {
        congestion,
        slow_start_below: (slow_start_below < NO_THRESHOLD).then_some(slow_start_below),
        round_trip: Duration::from_micros(u64::from(round_trip >> 3)),
        peer,
        own,
    }
}

fn state(number: u32) -> Option<TcpState> {
    let states = TcpState::ALL.into_iter();
    states.into_iter().find(|state| *state as u32 == number)
}
