//! Builds forged frames, and moves frames to another place of a connection.

use std::net::IpAddr;

use etherparse::PacketBuilder;

use super::super::rewrite::replace;
use super::super::segment::Segment;
use super::connections::{ETHERNET, LinkConnection};
use crate::scenario::fault::{Forged, Sequence};
use crate::sys::packet::OFFLOAD_HEADER;

/// Offsets of numbers in a TCP header (RFC 9293, section 3.1).
const SEQUENCE: usize = 4;
const ACKNOWLEDGES: usize = 8;
/// Time to live of forged packets, the same as in Linux (`IPDEFTTL`, `include/uapi/linux/ip.h`).
const HOPS: u8 = 64;
/// Window of forged segments: the maximum, so that it never looks closed.
const WINDOW: u16 = u16::MAX;

/// Returns the sequence number of a place relative to the expected one.
fn number(sequence: Sequence, expected: u32) -> u32 {
    // Sequence numbers are modulo 2^32, and so is the offset.
    expected.wrapping_add(sequence.ahead as u32)
}

/// Builds the frame of a forged segment; `None` if the connection is not far enough for its numbers to be known.
pub(super) fn forge(forged: &Forged, connection: &LinkConnection) -> Option<Vec<u8>> {
    let from = 1 - forged.to;
    let ethernet = connection.ethernet[from]?;
    let sequence = number(forged.sequence, connection.next[from]?);
    let (source, target) = (connection.addresses[from], connection.addresses[forged.to]);
    let (destination_mac, rest) = ethernet.split_first_chunk::<6>()?;
    let (source_mac, _) = rest.split_first_chunk::<6>()?;
    let link = PacketBuilder::ethernet2(*source_mac, *destination_mac);
    let packet = match (source.ip(), target.ip()) {
        (IpAddr::V4(source), IpAddr::V4(target)) => {
            link.ipv4(source.octets(), target.octets(), HOPS)
        }
        (IpAddr::V6(source), IpAddr::V6(target)) => {
            link.ipv6(source.octets(), target.octets(), HOPS)
        }
        _ => return None,
    };
    let mut packet = packet.tcp(source.port(), target.port(), sequence, WINDOW);
    let flags = forged.flags;
    if flags.syn {
        packet = packet.syn();
    }
    if flags.fin {
        packet = packet.fin();
    }
    if flags.rst {
        packet = packet.rst();
    }
    if flags.ack {
        // Acknowledge everything that has arrived, as an honest sender would.
        packet = packet.ack(connection.next[forged.to]?);
    }
    let data = vec![b'x'; usize::try_from(forged.data.0).ok()?];
    let mut frame = vec![0; OFFLOAD_HEADER];
    packet.write(&mut frame, &data).ok()?;
    Some(frame)
}

/// Moves a segment that arrived at an end to another place of a connection, and makes it acknowledge what an
/// honest sender would. Returns `false` if the connection's numbers are not known.
pub(super) fn move_into(
    frame: &mut [u8],
    end: usize,
    sequence: Sequence,
    connection: &LinkConnection,
) -> bool {
    let (Some((segment, places)), Some(expected)) = (Segment::located(frame), connection.next[end])
    else {
        return false;
    };
    let to = number(sequence, expected);
    replace(frame, places.tcp, places.tcp + SEQUENCE, to);
    if let (Some(_), Some(acknowledges)) = (segment.acknowledges, connection.next[1 - end]) {
        replace(frame, places.tcp, places.tcp + ACKNOWLEDGES, acknowledges);
    }
    true
}

/// Returns the Ethernet header of a frame.
pub(super) fn ethernet(frame: &[u8]) -> Option<[u8; ETHERNET]> {
    let (header, _) = frame
        .get(OFFLOAD_HEADER..)?
        .split_first_chunk::<ETHERNET>()?;
    Some(*header)
}
