//! The connection attempts of a client, by the SYNs that left its node.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::sighting::Sighting;
use crate::names::NodeName;
use crate::tcp::segment::distance;
use crate::tcp::{AddressPair, Segment};

/// An attempt to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LadderAttempt {
    /// The client's address and the one that it connects to.
    pub(super) pair: AddressPair,
    /// Sequence number of its SYN.
    pub(super) isn: u32,
    /// When the first SYN left, by the wall clock.
    pub(super) began: u64,
    /// When the next attempt between the same addresses began: what comes from then on belongs to that one.
    pub(super) ended: u64,
    /// What came back to the client first.
    pub(super) answer: Option<FirstReply>,
    /// Whether something was sent again: a SYN, or data behind which more was seen already at the client's link end.
    pub(super) again: bool,
    /// The sequence numbers behind what the client and the server have sent, as far as seen there.
    next: [Option<u32>; 2],
}

impl LadderAttempt {
    /// Takes note of a segment of this connection.
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

/// What came back to a client that tries to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FirstReply {
    /// When.
    pub(super) time: u64,
    /// Whether it is RST.
    pub(super) refused: bool,
}

/// Finds the attempts that left a node toward a target (or toward anything), in the order of their first SYNs.
pub(super) fn attempts(
    sightings: &[Sighting<'_>],
    node: &NodeName,
    target: Option<SocketAddr>,
) -> Vec<LadderAttempt> {
    let mut found: Vec<LadderAttempt> = Vec::new();
    let mut latest: BTreeMap<AddressPair, usize> = BTreeMap::new();
    for seen in sightings.iter().filter(|seen| seen.node == node) {
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
