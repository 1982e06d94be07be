//! Events that the kernel itself reported through its tracepoints, as opposed to states and reasons that readers of a
//! record infer.

use std::fmt;
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
        /// The queue or setting that bounds packets dropped for this reason, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bound: Option<DropBound>,
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
    /// The windows of an established socket when it received a segment (`tcp_probe`).
    Window {
        /// The congestion window in segments.
        cwnd: u32,
        /// The slow start threshold in segments, if there is one.
        ssthresh: Option<u32>,
        /// The smoothed round-trip time, nanoseconds.
        srtt: u64,
        /// The window that the peer announced last, in bytes.
        snd_wnd: u32,
        /// The window that this end announced last, in bytes.
        rcv_wnd: u32,
    },
}

impl KernelFact {
    /// Returns true if the kernel only freed what a closed socket still held, which is not a loss.
    pub fn is_cleanup(&self) -> bool {
        matches!(self, Self::Drop { reason, .. } if reason == "QUEUE_PURGE" || reason == "SOCKET_CLOSE")
    }
}

/// The queue or setting that bounds packets which are dropped for some reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropBound {
    /// The name of a queue (`accept queue`) or a sysctl.
    pub name: String,
    /// Its level, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<u64>,
    /// Its limit, or the value of the setting, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// False if the kernel's program read it at the drop; true if it is deduced from the reason, and read soon after.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inferred: bool,
}

/// `accept queue 6 of 5`, `net.core.netdev_max_backlog = 1000 (inferred)`.
/// Returns the reason for a drop with what bounds it: `SOCKET_RCVBUFF: receive buffer 213000 of 212992`.
pub fn drop_text(reason: &str, bound: Option<&DropBound>) -> String {
    match bound {
        Some(bound) => format!("{reason}: {bound}"),
        None => reason.to_owned(),
    }
}

impl fmt::Display for DropBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match (self.value, self.limit) {
            (Some(value), Some(limit)) => write!(f, " {value} of {limit}")?,
            (Some(value), None) => write!(f, " {value}")?,
            (None, Some(limit)) => write!(f, " = {limit}")?,
            (None, None) => {}
        }
        if self.inferred {
            f.write_str(" (inferred)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_says_its_level_and_whether_it_is_inferred() {
        let bound = |value, limit, inferred| DropBound {
            name: "accept queue".to_owned(),
            value,
            limit,
            inferred,
        };
        assert_eq!(
            bound(Some(6), Some(5), false).to_string(),
            "accept queue 6 of 5"
        );
        assert_eq!(
            bound(None, Some(5), true).to_string(),
            "accept queue = 5 (inferred)"
        );
    }
}
