//! Reads the segments of a capture, each with the link end where it was seen.

use std::collections::{BTreeMap, BTreeSet};

use super::attempts::LadderAttempt;
use crate::names::NodeName;
use crate::record::{Capture, Direction, LinkEnd};
use crate::tcp::{AddressPair, Segment};

/// A segment as seen at one end of a link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sighting<'a> {
    pub(super) end: &'a LinkEnd,
    /// Number of the link end in the capture.
    pub(super) interface: usize,
    /// Wall-clock time: nanoseconds since 1970.
    pub(super) time: u64,
    /// True if it left the node, false if it arrived.
    pub(super) leaving: bool,
    pub(super) segment: Segment,
}

impl Sighting<'_> {
    pub(super) fn node(&self) -> &NodeName {
        &self.end.node
    }
}

/// Returns every TCP segment of a capture in the order of time. Packets without a place or direction are left out.
pub(super) fn sightings(capture: &Capture) -> Vec<Sighting<'_>> {
    let packets = capture.packets();
    let seen = packets.filter_map(|packet| {
        Some(Sighting {
            end: capture.link_end(packet.interface)?,
            interface: packet.interface,
            time: packet.time,
            leaving: packet.direction? == Direction::Outbound,
            segment: Segment::read(packet.bytes, packet.length)?.0,
        })
    });
    seen.collect()
}

/// The segments by address, so that those of one connection among thousands are found at once.
#[derive(Debug)]
pub(super) struct SightingIndex<'a> {
    /// By both addresses, the lower first: indices into all sightings, ascending.
    by_addresses: BTreeMap<AddressPair, Vec<usize>>,
    /// By the initial sequence number of a SYN, the addresses that it was seen with.
    by_isn: BTreeMap<u32, BTreeSet<AddressPair>>,
    all: &'a [Sighting<'a>],
}

impl<'a> SightingIndex<'a> {
    pub(super) fn new(all: &'a [Sighting<'a>]) -> Self {
        let mut index = Self {
            by_addresses: BTreeMap::new(),
            by_isn: BTreeMap::new(),
            all,
        };
        for (number, seen) in all.iter().enumerate() {
            let segment = &seen.segment;
            let addresses = lower_first(segment.pair());
            let of_pair = index.by_addresses.entry(addresses).or_default();
            of_pair.push(number);
            if segment.opens() {
                let of_isn = index.by_isn.entry(segment.sequence).or_default();
                of_isn.insert(addresses);
            }
        }
        index
    }

    /// Returns the segments that an attempt may have, in the order of time: all between its addresses, before and
    /// after a translation.
    pub(super) fn of(&self, attempt: &LadderAttempt) -> Vec<&'a Sighting<'a>> {
        let mut pairs = self.by_isn.get(&attempt.isn).cloned().unwrap_or_default();
        pairs.insert(lower_first(attempt.pair));
        let numbers = pairs.iter().filter_map(|pair| self.by_addresses.get(pair));
        let during = |number: &usize| {
            let time = self.all[*number].time;
            time >= attempt.began && time < attempt.ended
        };
        let mut numbers: Vec<usize> = numbers.flatten().copied().filter(during).collect();
        numbers.sort_unstable();
        numbers
            .into_iter()
            .map(|number| &self.all[number])
            .collect()
    }
}

fn lower_first((from, to): AddressPair) -> AddressPair {
    (from.min(to), from.max(to))
}
