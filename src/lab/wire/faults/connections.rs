//! The TCP connections of one link as its wire sees them: which is the how-many-th, and how far each direction has come.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::super::segment::Segment;

/// Bytes of an Ethernet header (IEEE 802.3).
pub(super) const ETHERNET: usize = 14;

/// One connection.
#[derive(Debug, Clone)]
pub(super) struct LinkConnection {
    /// Each end's address as this link has it, by the end of the link that it is beyond.
    pub(super) addresses: [SocketAddr; 2],
    /// By the end that segments come in at: the Ethernet header that they have.
    pub(super) ethernet: [Option<[u8; ETHERNET]>; 2],
    /// By the end that segments come in at: the sequence number after the last that has left the wire, which the receiver
    /// expects next if it got them all.
    pub(super) next: [Option<u32>; 2],
    /// Of the SYN that began it.
    first_sequence: u32,
    /// The end that it began at.
    began_at: usize,
}

/// The connections of a link.
#[derive(Debug, Default)]
pub(super) struct Connections {
    /// In the order of their first SYNs; the first is connection 1.
    all: Vec<LinkConnection>,
    /// The newest of each pair of addresses, the lower one first.
    newest: HashMap<[SocketAddr; 2], usize>,
}

impl Connections {
    /// The number of the connection that a segment belongs to, from 1, when it comes in at an end. A SYN of its own sequence
    /// number begins one. `None` for frame belongs to none that was seen to begin.
    pub(super) fn arrived(&mut self, end: usize, segment: &Segment) -> Option<u64> {
        let key = key(segment);
        let begins = segment.syn && segment.acknowledges.is_none();
        let known = self.newest.get(&key).copied();
        let again = known
            .and_then(|index| self.all.get(index))
            .is_some_and(|connection| {
                connection.began_at == end && connection.first_sequence == segment.sequence
            });
        let index = match known {
            Some(index) if !begins || again => index,
            None if !begins => return None,
            _ => {
                self.newest.insert(key, self.all.len());
                self.all.push(LinkConnection::begun(end, segment));
                self.all.len() - 1
            }
        };
        u64::try_from(index + 1).ok()
    }

    /// A segment that came in at an end has left at the other.
    pub(super) fn left(&mut self, end: usize, segment: &Segment, ethernet: [u8; ETHERNET]) {
        let Some(connection) = self.newest_of(segment) else {
            return;
        };
        connection.ethernet[end] = Some(ethernet);
        // A RST has no place in the sequence, and a stale segment does not set it back.
        let behind = |next: u32| (segment.end().wrapping_sub(next)).cast_signed() <= 0;
        if !segment.rst && !connection.next[end].is_some_and(behind) {
            connection.next[end] = Some(segment.end());
        }
    }

    /// The connection of this number, from 1.
    pub(super) fn get(&self, number: u64) -> Option<&LinkConnection> {
        self.all.get(usize::try_from(number.checked_sub(1)?).ok()?)
    }

    /// The newest connection with the addresses of a segment.
    pub(super) fn newest_of(&mut self, segment: &Segment) -> Option<&mut LinkConnection> {
        let index = self.newest.get(&key(segment))?;
        self.all.get_mut(*index)
    }
}

impl LinkConnection {
    fn begun(end: usize, segment: &Segment) -> Self {
        let (from, to) = (segment.from, segment.to);
        Self {
            addresses: if end == 0 { [from, to] } else { [to, from] },
            ethernet: [None, None],
            next: [None, None],
            first_sequence: segment.sequence,
            began_at: end,
        }
    }
}

fn key(segment: &Segment) -> [SocketAddr; 2] {
    let (from, to) = (segment.from, segment.to);
    if from <= to { [from, to] } else { [to, from] }
}
