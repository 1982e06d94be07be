//! The TCP connections of one link as its wire sees them: their numbers, and the progress of each direction.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::super::segment::Segment;

/// Bytes of an Ethernet header (IEEE 802.3).
pub(super) const ETHERNET: usize = 14;

/// A connection on one link.
#[derive(Debug, Clone)]
pub(super) struct LinkConnection {
    /// The address of each end as this link sees it, indexed by the end of the link.
    pub(super) addresses: [SocketAddr; 2],
    /// The Ethernet header of segments, indexed by the end at which they arrive.
    pub(super) ethernet: [Option<[u8; ETHERNET]>; 2],
    /// The sequence number after the last segment that has left the wire, indexed by the end at which
    /// segments arrive. The receiver expects it next if it has received all segments.
    pub(super) next: [Option<u32>; 2],
    /// The sequence number of the first SYN.
    first_sequence: u32,
    /// The end at which the first SYN arrived.
    began_at: usize,
}

/// The connections of a link.
#[derive(Debug, Default)]
pub(super) struct Connections {
    /// In the order of their first SYNs; the first is connection 1.
    all: Vec<LinkConnection>,
    /// The newest connection of each pair of addresses, the lower address first.
    newest: HashMap<[SocketAddr; 2], usize>,
}

impl Connections {
    /// Returns the number, from 1, of the connection that an arriving segment belongs to. A SYN with a new
    /// sequence number begins a connection. Returns `None` if the beginning of the connection was not seen.
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

    /// Updates the connection of a segment that arrived at an end and has left at the other.
    pub(super) fn left(&mut self, end: usize, segment: &Segment, ethernet: [u8; ETHERNET]) {
        let Some(connection) = self.newest_of(segment) else {
            return;
        };
        connection.ethernet[end] = Some(ethernet);
        // A RST has no place in the sequence, and a stale segment must not set it back.
        let behind = |next: u32| (segment.end().wrapping_sub(next)).cast_signed() <= 0;
        if !segment.rst && !connection.next[end].is_some_and(behind) {
            connection.next[end] = Some(segment.end());
        }
    }

    /// Returns a connection by its number, from 1.
    pub(super) fn get(&self, number: u64) -> Option<&LinkConnection> {
        self.all.get(usize::try_from(number.checked_sub(1)?).ok()?)
    }

    /// Returns the newest connection with the addresses of a segment.
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
