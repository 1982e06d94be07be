//! One connection of the emulating node, followed from the wire: its peer's timestamp, its round trip, how it closes.
//!
//! Sequence and timestamp arithmetic is modulo 2^32 (RFC 9293, section 3.4; RFC 7323, section 5.2).

use std::time::Duration;

use super::peer_timestamps::{Stamp, ahead};
use super::rtt::Rtt;
use super::second;
use crate::lab::wire::segment::Segment;

/// Where a segment has brought a connection, as far as recycling goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClosingStage {
    /// Nothing new.
    Same,
    /// The node closed first and the peer has acknowledged that: FIN_WAIT_2.
    FinWait2,
    /// Both have closed, the node first: TIME_WAIT.
    TimeWait,
    /// Over without TIME_WAIT, or of no interest because the peer sends no timestamps.
    Over,
}

/// A connection whose two ends may both have agreed on timestamps.
#[derive(Debug)]
pub(super) struct FollowedConnection {
    /// The peer's timestamp; `None` until the peer has answered the node's SYN.
    recent: Option<Stamp>,
    /// The last acknowledgement number that the node sent (Last.ACK.sent of RFC 7323, `rcv_wup` of Linux).
    acknowledged: u32,
    /// The sequence number after everything that the node has sent.
    sent_to: u32,
    /// The segment whose round trip is being measured: its end, and when it was sent.
    timed: Option<(u32, Duration)>,
    rtt: Rtt,
    own_fin: Option<Fin>,
    own_fin_acknowledged: bool,
    /// The sequence number after the peer's FIN.
    peer_fin: Option<u32>,
}

/// The node's FIN.
#[derive(Debug, Clone, Copy)]
struct Fin {
    end: u32,
    /// Whether it was sent before the peer's FIN was acknowledged: the node closes actively.
    first: bool,
}

impl FollowedConnection {
    /// The node sends a SYN, or answers one by SYN and ACK. `None` where it offers no timestamps: then none are used.
    pub(super) fn opening(syn: &Segment, now: Duration) -> Option<Self> {
        let timestamps = syn.timestamps?;
        Some(Self {
            // The answer to a SYN echoes the timestamp of the SYN, which is what the node has remembered of its peer.
            recent: syn.acknowledges.map(|_| Stamp {
                value: timestamps.echo,
                second: second(now),
            }),
            acknowledged: syn.acknowledges.unwrap_or_default(),
            sent_to: syn.end(),
            timed: Some((syn.end(), now)),
            rtt: Rtt::default(),
            own_fin: None,
            own_fin_acknowledged: false,
            peer_fin: None,
        })
    }

    /// Whether this SYN of the node opened the connection: it is sent again.
    pub(super) fn is_opened_by(&self, syn: &Segment) -> bool {
        self.own_fin.is_none() && self.sent_to == syn.end()
    }

    /// The node has sent a segment.
    pub(super) fn sent(&mut self, segment: &Segment, now: Duration) -> ClosingStage {
        if segment.rst {
            return ClosingStage::Over;
        }
        if let Some(number) = segment.acknowledges
            && ahead(number, self.acknowledged) > 0
        {
            self.acknowledged = number;
        }
        let end = segment.end();
        if ahead(end, self.sent_to) > 0 {
            self.sent_to = end;
            self.timed = self.timed.or(Some((end, now)));
        } else if end != segment.sequence {
            // Sent again: an acknowledgement would not say which of the two it is for (Karn's algorithm, RFC 6298).
            self.timed = None;
        }
        if segment.fin {
            let first = !self.peer_has_closed();
            self.own_fin.get_or_insert(Fin { end, first });
        }
        self.stage()
    }

    /// A segment has reached the node.
    pub(super) fn received(&mut self, segment: &Segment, now: Duration) -> ClosingStage {
        if segment.rst {
            return ClosingStage::Over;
        }
        if !self.take_timestamp(segment, now) {
            return ClosingStage::Over;
        }
        let mut own_fin_acknowledged = false;
        if let Some(number) = segment.acknowledges {
            if let Some((end, at)) = self.timed
                && ahead(number, end) >= 0
            {
                self.rtt.measured(now.saturating_sub(at));
                self.timed = None;
            }
            let covers_fin = self.own_fin.is_some_and(|fin| ahead(number, fin.end) >= 0);
            own_fin_acknowledged = covers_fin && !self.own_fin_acknowledged;
            self.own_fin_acknowledged |= covers_fin;
        }
        if segment.fin {
            self.peer_fin.get_or_insert(segment.end());
        }
        match self.stage() {
            ClosingStage::Same if own_fin_acknowledged => ClosingStage::FinWait2,
            stage => stage,
        }
    }

    /// The peer's last timestamp, by RFC 7323, section 4.3: from segments that the node had not yet acknowledged past,
    /// and never backwards (`tcp_replace_ts_recent`, Linux 4.9 `net/ipv4/tcp_input.c`). False where the peer, in its
    /// answer to the node's SYN, turns out not to use timestamps.
    fn take_timestamp(&mut self, segment: &Segment, now: Duration) -> bool {
        let Some(timestamps) = segment.timestamps else {
            return self.recent.is_some();
        };
        let stamp = Stamp {
            value: timestamps.value,
            second: second(now),
        };
        match &mut self.recent {
            None => {
                self.recent = Some(stamp);
                self.acknowledged = segment.end();
            }
            Some(recent) => {
                if ahead(segment.sequence, self.acknowledged) <= 0
                    && ahead(stamp.value, recent.value) >= 0
                {
                    *recent = stamp;
                }
            }
        }
        true
    }

    fn peer_has_closed(&self) -> bool {
        self.peer_fin
            .is_some_and(|end| ahead(self.acknowledged, end) >= 0)
    }

    fn stage(&self) -> ClosingStage {
        match self.own_fin {
            Some(fin) if self.own_fin_acknowledged && self.peer_has_closed() => {
                if fin.first {
                    ClosingStage::TimeWait
                } else {
                    ClosingStage::Over
                }
            }
            _ => ClosingStage::Same,
        }
    }

    /// Whether the node's FIN came first.
    pub(super) fn closes_actively(&self) -> bool {
        self.own_fin.is_some_and(|fin| fin.first)
    }

    /// The peer's last timestamp.
    pub(super) fn recent(&self) -> Option<Stamp> {
        self.recent
    }

    /// How long its TIME_WAIT lasts when it is recycled: 3.5 times the retransmission timeout (`tcp_time_wait`, Linux 4.9
    /// `net/ipv4/tcp_minisocks.c`).
    pub(super) fn recycled_after(&self) -> Duration {
        self.rtt.timeout() * 7 / 2
    }
}
