//! Metrics of a node that the kernel's tracepoints give.

use super::{Metric, NameParameter, Recorded};
use crate::units::Unit::Count;

const fn traced(name: &'static str, meaning: &'static str, source: &'static str) -> Metric {
    Metric::counter(name, Count, meaning, source).recorded(Recorded::WhenNamed)
}

pub(crate) static DROPS: Metric = traced(
    "drops.REASON",
    "Packets that the kernel dropped on the node for this reason. A SYN that a full accept queue refuses is not among \
     them; see `TcpExtListenDrops`.",
    "tracepoint skb:kfree_skb, `enum skb_drop_reason` (Linux 5.17), root only",
)
.with(NameParameter::DropReason);
pub(crate) static RESETS_SENT: Metric = traced(
    "resets_sent",
    "RSTs that the node's sockets, or the node itself for lack of a socket, sent.",
    "tracepoint tcp:tcp_send_reset, root only",
);
pub(crate) static RESETS_RECEIVED: Metric = traced(
    "resets_received",
    "RSTs that connections of the node received and accepted.",
    "tracepoint tcp:tcp_receive_reset, root only",
);
pub(crate) static RETRANSMISSIONS: Metric = traced(
    "retransmissions",
    "Segments that the node's sockets sent again, without SYN-ACKs.",
    "tracepoint tcp:tcp_retransmit_skb, root only",
);

pub(crate) const ALL: &[&Metric] = &[&DROPS, &RESETS_SENT, &RESETS_RECEIVED, &RETRANSMISSIONS];
