//! One connection of the emulating node, as seen from the wire: its peer's timestamp, its round
//! trip, and its closing.
//!
//! Sequence and timestamp arithmetic is modulo 2^32 (RFC 9293, section 3.4; RFC 7323, section 5.2).

use std::time::Duration;

use super::peer_timestamps::{Stamp, ahead};
use super::rtt::Rtt;
use super::second;
use crate::lab::wire::segment::Segment;

/// The progress of a connection's closing, as far as recycling is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClosingStage {
    Same,
    /// The node has closed first, and the peer has acknowledged that: FIN_WAIT_2.
    FinWait2,
    /// Both ends have closed, the node first: TIME_WAIT.
    TimeWait,
    /// Closed without TIME_WAIT, or not relevant because the peer sends no timestamps.
    Over,
}

/// A connection that may use timestamps.
#[derive(Debug)]
pub(super) struct FollowedConnection {
    /// The peer's timestamp; `None` until the peer has answered the node's SYN.
    recent: Option<Stamp>,
    /// The last acknowledgement number that the node sent (Last.ACK.sent of RFC 7323, `rcv_wup` of Linux).
    acknowledged: u32,
    /// The sequence number after everything that the node has sent.
    sent_to: u32,
    /// The segment whose round trip is being measured: its end, and the time at which it was sent.
    timed: Option<(u32, Duration)>,
    rtt: Rtt,
    own_fin: Option<Fin>,
    own_fin_acknowledged: bool,
    /// The sequence number after the peer's FIN.
    peer_fin: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Fin {
    end: u32,
    /// True if it was sent before the peer's FIN was acknowledged, so that the node closes actively.
    first: bool,
}

impl FollowedConnection {
    /// Creates the connection of a SYN or SYN-ACK that the node sends; `None` if it offers no timestamps,
    /// so none are used.
    pub(super) fn opening(syn: &Segment, now: Duration) -> Option<Self> {
        let timestamps = syn.timestamps?;
        Some(Self {
            // A SYN-ACK echoes the timestamp of the SYN, which is what the node has stored for its peer.
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

    /// Returns whether this SYN of the node is a retransmission of the one that opened the connection.
    pub(super) fn is_opened_by(&self, syn: &Segment) -> bool {
        self.own_fin.is_none() && self.sent_to == syn.end()
    }

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
            // A retransmission: it is unknown which of the two an acknowledgement is for
            // (Karn's algorithm, RFC 6298).
            self.timed = None;
        }
        if segment.fin {
            let first = !self.peer_has_closed();
            self.own_fin.get_or_insert(Fin { end, first });
        }
        self.stage()
    }

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

    /// Stores the peer's timestamp according to RFC 7323, section 4.3: only from segments that the node had
    /// not acknowledged past, and never backwards (`tcp_replace_ts_recent`, Linux 4.9 `net/ipv4/tcp_input.c`).
    /// Returns `false` if the peer's answer to the node's SYN shows that it does not use timestamps.
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

    /// Returns whether the node's FIN came first.
    pub(super) fn closes_actively(&self) -> bool {
        self.own_fin.is_some_and(|fin| fin.first)
    }

    /// Returns the peer's last timestamp.
    pub(super) fn recent(&self) -> Option<Stamp> {
        self.recent
    }

    /// Returns the duration of a recycled TIME_WAIT: 3.5 times the retransmission timeout
    /// (`tcp_time_wait`, Linux 4.9 `net/ipv4/tcp_minisocks.c`).
    pub(super) fn recycled_after(&self) -> Duration {
        self.rtt.timeout() * 7 / 2
    }
}
