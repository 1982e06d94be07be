//! Metrics of a node that the kernel's tracepoints give.

use super::{Metric, NameParameter, Recorded};
use crate::units::Unit::{Count, TcpState};

const fn traced(name: &'static str, meaning: &'static str, source: &'static str) -> Metric {
    Metric::counter(name, Count, meaning, source).recorded(Recorded::WhenNamed)
}

pub(crate) static DROPS: Metric = traced(
    "drops.REASON",
    "Packets that the kernel dropped on the node for this reason. A SYN that a full accept queue refuses is not among \
     them; see `TcpExtListenDrops`.",
    "tracepoint skb:kfree_skb, `enum skb_drop_reason` (Linux 5.17), as root or with --kernel",
)
.with(NameParameter::DropReason);
pub(crate) static RESETS_SENT: Metric = traced(
    "resets_sent",
    "RSTs that the node's sockets, or the node itself for lack of a socket, sent.",
    "tracepoint tcp:tcp_send_reset (Linux 6.10), as root or with --kernel",
);
pub(crate) static RESETS_RECEIVED: Metric = traced(
    "resets_received",
    "RSTs that connections of the node received and accepted.",
    "tracepoint tcp:tcp_receive_reset, as root or with --kernel",
);
pub(crate) static RETRANSMISSIONS: Metric = traced(
    "retransmissions",
    "Segments that the node's sockets sent again, without SYN-ACKs.",
    "tracepoint tcp:tcp_retransmit_skb, as root or with --kernel",
);

pub(crate) const ALL: &[&Metric] = &[&DROPS, &RESETS_SENT, &RESETS_RECEIVED, &RETRANSMISSIONS];

/// The state of one connection, `load:1.state`.
pub(crate) static STATE: Metric = Metric::gauge(
    "state",
    TcpState,
    "State of the client's socket for this attempt: `load:1.state == TIME_WAIT at 2s`. `CLOSE` before the connection, \
     after it, and without one. TIME_WAIT and its end are read every 50 ms, all else when the kernel reports it.",
    "tracepoint sock:inet_sock_set_state, then sock_diag(7); as root or with --kernel",
)
.recorded(Recorded::WhenNamed);

pub(crate) const OF_CONNECTION: &[&Metric] = &[&STATE];
