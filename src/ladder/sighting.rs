//! Reads the segments of a capture, each with the link end where it was seen.

use crate::names::NodeName;
use crate::record::{Capture, Direction};
use crate::tcp::Segment;

/// A segment as seen at one end of a link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sighting<'a> {
    pub(super) node: &'a NodeName,
    /// Number of the link end in the capture.
    pub(super) interface: usize,
    /// Wall-clock time: nanoseconds since 1970.
    pub(super) time: u64,
    /// True if it left the node, false if it arrived.
    pub(super) leaving: bool,
    pub(super) segment: Segment,
}

/// Returns every TCP segment of a capture in the order of time. Packets without a place or direction are left out.
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
