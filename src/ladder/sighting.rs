//! Segments as they were seen at the link ends of nodes.

use crate::names::NodeName;
use crate::record::{Capture, Direction};
use crate::tcp::Segment;

/// A segment, seen at a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sighting<'a> {
    /// Where.
    pub(super) node: &'a NodeName,
    /// The link end, by its number in the capture.
    pub(super) interface: usize,
    /// When, by the wall clock: nanoseconds since 1970.
    pub(super) time: u64,
    /// Whether it left the node there; else it arrived.
    pub(super) leaving: bool,
    /// What it says.
    pub(super) segment: Segment,
}

/// Every TCP segment of a capture, in the order of time. Packets that do not say where and which way are left out.
pub(super) fn sightings(capture: &Capture) -> Vec<Sighting<'_>> {
    let packets = capture.packets();
    let seen = packets.filter_map(|packet| {
        Some(Sighting {
            node: &capture.link_end(packet.interface)?.node,
            interface: packet.interface,
            time: packet.time,
            leaving: packet.direction? == Direction::Outbound,
            segment: Segment::read(packet.bytes, packet.length)?.0,
        })
    });
    seen.collect()
}
