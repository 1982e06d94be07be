//! Finds the connection attempts of a client by the SYNs that left its node.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::sighting::Sighting;
use crate::names::NodeName;
use crate::tcp::segment::distance;
use crate::tcp::{AddressPair, Segment};

/// A connection attempt as seen in the capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LadderAttempt {
    /// The client's address and the address that it connects to.
    pub(super) pair: AddressPair,
    /// Initial sequence number of the client.
    pub(super) isn: u32,
    /// Wall-clock time at which the first SYN left, in nanoseconds.
    pub(super) began: u64,
    /// Wall-clock time of the next attempt between the same addresses, to which everything later belongs.
    pub(super) ended: u64,
    pub(super) answer: Option<FirstReply>,
    /// The HTTP status of the first reply, with the wall-clock time of its arrival.
    pub(super) status: Option<(u16, u64)>,
    /// True if the client or the server retransmitted something, as seen at the client's end of the link.
    pub(super) again: bool,
    /// The next sequence numbers of the client and the server, as seen at the client's end of the link.
    next: [Option<u32>; 2],
}

impl LadderAttempt {
    /// An attempt of which only a trace shows the beginning and the end, by the run's clock.
    pub(super) fn of_trace(pair: AddressPair, began: u64, ended: u64) -> Self {
        Self {
            pair,
            isn: 0,
            began,
            ended,
            answer: None,
            status: None,
            again: false,
            next: [None, None],
        }
    }

    /// Records a segment of this connection.
    fn see(&mut self, segment: &Segment, from_server: bool) {
        let next = &mut self.next[usize::from(from_server)];
        let end = segment.end();
        let behind = next.is_some_and(|next| distance(next, segment.sequence) > 0);
        self.again |= behind && end != segment.sequence;
        if next.is_none_or(|next| distance(end, next) > 0) {
            *next = Some(end);
        }
    }
}

/// The first reply to a connection attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FirstReply {
    pub(super) time: u64,
    /// True if the reply is a RST.
    pub(super) refused: bool,
}

/// Returns the attempts that left a node for a target (or for any target), in the order of their first SYNs.
pub(super) fn attempts(
    sightings: &[Sighting<'_>],
    node: &NodeName,
    target: Option<SocketAddr>,
) -> Vec<LadderAttempt> {
    let mut found: Vec<LadderAttempt> = Vec::new();
    let mut latest: BTreeMap<AddressPair, usize> = BTreeMap::new();
    for seen in sightings.iter().filter(|seen| seen.node() == node) {
        let segment = &seen.segment;
        if seen.leaving && segment.opens() && target.is_none_or(|target| segment.to == target) {
            let known = latest.get(&segment.pair()).copied();
            if let Some(known) = known.filter(|known| found[*known].isn == segment.sequence) {
                found[known].again = true;
                continue;
            }
            if let Some(known) = known {
                found[known].ended = seen.time;
            }
            latest.insert(segment.pair(), found.len());
            found.push(LadderAttempt {
                pair: segment.pair(),
                isn: segment.sequence,
                began: seen.time,
                ended: u64::MAX,
                answer: None,
                status: None,
                again: false,
                next: [Some(segment.end()), None],
            });
        } else if seen.leaving
            && let Some(known) = latest.get(&segment.pair())
        {
            found[*known].see(segment, false);
        } else if !seen.leaving
            && let Some(known) = latest.get(&(segment.to, segment.from))
        {
            let attempt = &mut found[*known];
            attempt.see(segment, true);
            let status = segment.status.map(|status| (status, seen.time));
            attempt.status = attempt.status.or(status);
            let refused = segment.rst;
            let accepted = segment.accepts();
            let answers = segment.acknowledges == Some(attempt.isn.wrapping_add(1));
            if attempt.answer.is_none() && answers && (refused || accepted) {
                attempt.answer = Some(FirstReply {
                    time: seen.time,
                    refused,
                });
            }
        }
    }
    found
}
