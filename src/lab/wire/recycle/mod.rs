//! A state machine that does what `net.ipv4.tcp_tw_recycle` did in Linux 4.9: it sees segments and
//! decides which SYNs pass.
//!
//! It represents one node and works at the node's end of each of its links. It does not use
//! packets, sockets or clocks.
//!
//! With the setting on, Linux 4.9 did this:
//! - A connection that the node closes first stores the peer's last timestamp when it enters FIN_WAIT_2 as an orphan
//!   and when it enters TIME_WAIT (`tcp_time_wait`, `tcp_timewait_state_process`, `net/ipv4/tcp_minisocks.c`).
//! - The timestamp of a new SYN is then compared with it (`peer_timestamps`). If the check fails, the SYN is
//!   dropped silently and counted as PAWSPassive (`tcp_conn_request`, `net/ipv4/tcp_input.c`). A SYN for a
//!   socket in TIME_WAIT is not checked; that socket answers it.
//! - TIME_WAIT lasts 3.5 retransmission timeouts instead of 60 s if the peer sends timestamps.
//!
//! A wire cannot see everything. It assumes that a socket that has sent FIN is an orphan (closed, not half closed),
//! and that a SYN has a listener with room in its queue that sends no SYN cookies (4.9 checks these first). Not
//! emulated: the timestamps that 4.9 copied to connections that the node itself opens (`tcp_fetch_timewait_stamp`).

mod connection;
mod local;
mod peer_timestamps;
mod rtt;
#[cfg(test)]
mod tests;

pub use local::LocalAddresses;
pub use peer_timestamps::{PAWS_MSL, PAWS_WINDOW};

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use super::segment::Segment;
use crate::names::NodeName;
use connection::{ClosingStage, FollowedConnection};
use peer_timestamps::PeerTimestamps;

/// The usual duration of TIME_WAIT: `TCP_TIMEWAIT_LEN`, Linux `include/net/tcp.h`.
pub const TIMEWAIT_LEN: Duration = Duration::from_secs(60);

/// Returns a sentence for the record that describes the emulation.
pub fn emulation_statement(node: &NodeName) -> String {
    format!(
        "net.ipv4.tcp_tw_recycle is emulated on `{node}` as Linux 4.9 did it: on its links a wire remembers each peer \
         address's last timestamp and for {PAWS_MSL} s drops SYNs more than {PAWS_WINDOW} tick behind it \
         (TcpExtPAWSPassive), TIME_WAIT ends after 3.5 RTO by SOCK_DESTROY, and the other hosts' timestamps come from \
         one clock each, as they did before Linux 4.10"
    )
}

/// A connection of the node, identified by its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// The address and port of the node.
    pub node: SocketAddr,
    /// The address and port of its peer.
    pub peer: SocketAddr,
}

/// A TIME_WAIT that has begun and must end early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeWait {
    /// The connection in this state.
    pub flow: Flow,
    /// The time at which it began.
    pub began: Duration,
    /// Its duration: 3.5 retransmission timeouts.
    pub lasts: Duration,
}

/// The decision about a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecycleVerdict {
    /// It may reach the node.
    Pass,
    /// It is dropped; Linux 4.9 would have counted PAWSPassive.
    Drop,
}

/// The emulation state of one node. All times passed to it are of one clock.
#[derive(Debug)]
pub struct Recycle {
    enabled: bool,
    local: LocalAddresses,
    peer_timestamps: PeerTimestamps,
    connections: BTreeMap<Flow, FollowedConnection>,
    /// Sockets in a recycled TIME_WAIT, with the time at which it ends.
    waiting: BTreeMap<Flow, Duration>,
    /// The same sockets, by end time.
    ends: BTreeSet<(Duration, Flow)>,
    begun: Vec<TimeWait>,
    rejected: u64,
}

impl Recycle {
    /// Creates the state of a node with these addresses and with its sysctl on or off.
    pub fn new(local: LocalAddresses, enabled: bool) -> Self {
        Self {
            enabled,
            local,
            peer_timestamps: PeerTimestamps::default(),
            connections: BTreeMap::new(),
            waiting: BTreeMap::new(),
            ends: BTreeSet::new(),
            begun: Vec::new(),
            rejected: 0,
        }
    }

    /// Sets the sysctl. Stored timestamps are kept, as in Linux.
    pub fn set_enabled(&mut self, enabled: bool) {
        self.enabled = enabled;
    }

    /// Returns how many SYNs have been dropped so far (PAWSPassive).
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Returns the TIME_WAITs that have begun since the last call, in order.
    pub fn take_begun(&mut self) -> Vec<TimeWait> {
        std::mem::take(&mut self.begun)
    }

    /// Updates the state for a segment that the node has sent.
    pub fn sent(&mut self, segment: &Segment, now: Duration) {
        let flow = Flow {
            node: segment.from,
            peer: segment.to,
        };
        if !self.local.contains(flow.node.ip()) {
            return;
        }
        let known = self.connections.get(&flow);
        if segment.syn && !known.is_some_and(|known| known.is_opened_by(segment)) {
            self.forget_wait(&flow);
            match FollowedConnection::opening(segment, now) {
                Some(connection) => self.connections.insert(flow, connection),
                None => self.connections.remove(&flow),
            };
        } else if let Some(connection) = self.connections.get_mut(&flow) {
            let stage = connection.sent(segment, now);
            self.advance(flow, stage, now);
        }
    }

    /// Decides about a segment that is about to reach the node, and updates the state.
    pub fn received(&mut self, segment: &Segment, now: Duration) -> RecycleVerdict {
        let flow = Flow {
            node: segment.to,
            peer: segment.from,
        };
        if !self.local.contains(flow.node.ip()) {
            return RecycleVerdict::Pass;
        }
        if let Some(connection) = self.connections.get_mut(&flow) {
            let stage = connection.received(segment, now);
            self.advance(flow, stage, now);
            return RecycleVerdict::Pass;
        }
        self.end_waits(now);
        if self.waiting.contains_key(&flow) {
            self.disturb_wait(&flow, segment, now);
            return RecycleVerdict::Pass;
        }
        let opens = segment.syn && segment.acknowledges.is_none() && !segment.rst;
        let value = segment.timestamps.map(|timestamps| timestamps.value);
        let pair = (flow.node.ip(), flow.peer.ip());
        if opens && self.enabled && !self.peer_timestamps.admits(pair, value, second(now)) {
            self.rejected += 1;
            return RecycleVerdict::Drop;
        }
        RecycleVerdict::Pass
    }

    fn advance(&mut self, flow: Flow, stage: ClosingStage, now: Duration) {
        let Some(connection) = self.connections.get(&flow) else {
            return;
        };
        let recycled = stage == ClosingStage::TimeWait
            || (stage == ClosingStage::FinWait2 && connection.closes_actively());
        if self.enabled
            && recycled
            && let Some(stamp) = connection.recent()
        {
            let pair = (flow.node.ip(), flow.peer.ip());
            self.peer_timestamps.remember(pair, stamp, second(now));
            if stage == ClosingStage::TimeWait {
                let lasts = connection.recycled_after();
                self.begun.push(TimeWait {
                    flow,
                    began: now,
                    lasts,
                });
                self.wait_until(flow, now + lasts);
            }
        }
        if matches!(stage, ClosingStage::TimeWait | ClosingStage::Over) {
            self.connections.remove(&flow);
        }
    }

    /// Handles a segment for a socket in TIME_WAIT. A RST ends TIME_WAIT; an acknowledgement restarts it for
    /// the full 60 s (`tcp_timewait_state_process`, Linux 4.9 `net/ipv4/tcp_minisocks.c`).
    fn disturb_wait(&mut self, flow: &Flow, segment: &Segment, now: Duration) {
        if segment.rst {
            self.forget_wait(flow);
        } else if segment.acknowledges.is_some() {
            self.forget_wait(flow);
            self.wait_until(*flow, now + TIMEWAIT_LEN);
        }
    }

    fn wait_until(&mut self, flow: Flow, end: Duration) {
        self.waiting.insert(flow, end);
        self.ends.insert((end, flow));
    }

    fn forget_wait(&mut self, flow: &Flow) {
        if let Some(end) = self.waiting.remove(flow) {
            self.ends.remove(&(end, *flow));
        }
    }

    fn end_waits(&mut self, now: Duration) {
        while let Some((end, flow)) = self.ends.first().copied()
            && end <= now
        {
            self.ends.pop_first();
            self.waiting.remove(&flow);
        }
    }
}

/// Converts to whole seconds, as Linux 4.9 keeps these times (`get_seconds()`).
fn second(now: Duration) -> u32 {
    // Wraps after 136 years, as in Linux.
    now.as_secs() as u32
}
