//! Events that the kernel itself reported through its tracepoints, as opposed to states and reasons that readers of a
//! record infer.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::clock::Offset;
use crate::names::NodeName;
use crate::tcp::TcpState;

/// An event of the kernel in the namespace of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelEvent {
    /// The time of the event.
    pub t: Offset,
    /// The node.
    pub node: NodeName,
    /// The address of the socket, or the destination of a dropped packet; `None` if unknown.
    pub local: Option<SocketAddr>,
    /// The address of the peer, or the source of a dropped packet.
    pub peer: Option<SocketAddr>,
    /// The event.
    #[serde(flatten)]
    pub what: KernelFact,
}

/// The kind of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
#[expect(missing_docs, reason = "the names say it")]
pub enum KernelFact {
    /// A socket changed its state (`inet_sock_set_state`).
    State { from: TcpState, to: TcpState },
    /// A packet was dropped (`kfree_skb`).
    Drop {
        /// The kernel's name of the reason, without `SKB_DROP_REASON_`.
        reason: String,
        /// The control bits (`SYN-ACK`) and the sequence number, if it was a TCP segment.
        flags: Option<String>,
        seq: Option<u32>,
    },
    /// A segment was sent again (`tcp_retransmit_skb`).
    Retransmission,
    /// A reset was sent (`tcp_send_reset`).
    ResetSent {
        /// The kernel's name of the reason, without `SK_RST_REASON_`; kernels before 6.10 give none.
        reason: Option<String>,
    },
    /// A reset was received (`tcp_receive_reset`).
    ResetReceived,
}
