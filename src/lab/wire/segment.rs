//! Reads the frames of a wire: TCP segments for the emulation of kernel features, and a link's upkeep.

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};

use crate::sys::packet::OFFLOAD_HEADER;
use crate::tcp::segment::SegmentOffsets;
pub use crate::tcp::{Segment, Timestamps};

/// Returns whether a frame only keeps the link working: ARP, IPv6 neighbour discovery (RFC 4861, ICMPv6 types
/// 133 to 137) or multicast listener reports (RFC 2710 and 3810, types 130 to 132 and 143).
pub(super) fn is_upkeep(frame: &[u8]) -> bool {
    let ethernet = frame.get(OFFLOAD_HEADER..).unwrap_or_default();
    LaxSlicedPacket::from_ethernet(ethernet).is_ok_and(|packet| {
        match (&packet.net, &packet.transport) {
            (Some(LaxNetSlice::Arp(_)), _) => true,
            (_, Some(TransportSlice::Icmpv6(icmp))) => matches!(icmp.type_u8(), 130..=137 | 143),
            _ => false,
        }
    })
}

impl Segment {
    /// Reads a frame as it comes from a packet socket. Returns `None` for everything that is not a TCP segment with a
    /// complete header; that includes fragments.
    pub fn of_frame(frame: &[u8]) -> Option<Self> {
        Self::located(frame).map(|(segment, _)| segment)
    }

    /// Reads a frame, and returns the positions in it that an emulation changes.
    pub(super) fn located(frame: &[u8]) -> Option<(Self, SegmentOffsets)> {
        let ethernet = frame.get(OFFLOAD_HEADER..)?;
        let (segment, offsets) = Self::read(ethernet, u32::try_from(ethernet.len()).ok()?)?;
        let offsets = SegmentOffsets {
            tcp: OFFLOAD_HEADER + offsets.tcp,
            timestamps: offsets.timestamps.map(|at| OFFLOAD_HEADER + at),
        };
        Some((segment, offsets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{PacketBuilder, TcpOptionElement};

    fn frame(build: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut frame = vec![0; OFFLOAD_HEADER];
        build(&mut frame);
        frame
    }

    #[test]
    fn a_segment_is_read_with_its_timestamps() {
        let options = [
            TcpOptionElement::MaximumSegmentSize(1_460),
            TcpOptionElement::Noop,
            TcpOptionElement::Timestamp(7, 8),
        ];
        let frame = frame(|frame| {
            PacketBuilder::ethernet2([1; 6], [2; 6])
                .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
                .tcp(40_000, 80, 100, 1_000)
                .fin()
                .ack(55)
                .options(&options)
                .unwrap()
                .write(frame, b"abc")
                .unwrap();
        });
        let segment = Segment::of_frame(&frame).unwrap();
        assert_eq!(segment.from, "10.0.0.1:40000".parse().unwrap());
        assert_eq!(segment.to, "10.0.0.2:80".parse().unwrap());
        assert_eq!(segment.acknowledges, Some(55));
        assert_eq!(segment.timestamps, Some(Timestamps { value: 7, echo: 8 }));
        assert_eq!(segment.end(), 104);
    }

    #[test]
    fn a_segment_over_ipv6_is_read() {
        let frame = frame(|frame| {
            PacketBuilder::ethernet2([1; 6], [2; 6])
                .ipv6([1; 16], [2; 16], 64)
                .tcp(1, 2, u32::MAX, 1_000)
                .syn()
                .write(frame, &[])
                .unwrap();
        });
        let segment = Segment::of_frame(&frame).unwrap();
        assert!(segment.syn && segment.from.is_ipv6() && segment.timestamps.is_none());
        assert_eq!(segment.end(), 0, "sequence numbers wrap");
    }

    #[test]
    fn the_upkeep_of_a_link_is_distinguished_from_its_payload() {
        let ping = |kind: u8| {
            frame(|frame| {
                PacketBuilder::ethernet2([1; 6], [2; 6])
                    .ipv6([1; 16], [2; 16], 64)
                    .icmpv6_raw(kind, 0, [0; 4])
                    .write(frame, &[])
                    .unwrap();
            })
        };
        assert!(is_upkeep(&ping(135)), "neighbour solicitation");
        assert!(is_upkeep(&ping(143)), "multicast listener report");
        assert!(!is_upkeep(&ping(128)), "echo request");
        assert!(!is_upkeep(&[]));
    }

    #[test]
    fn an_incomplete_or_other_packet_is_not_a_segment() {
        let udp = frame(|frame| {
            PacketBuilder::ethernet2([1; 6], [2; 6])
                .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
                .udp(1, 2)
                .write(frame, b"abc")
                .unwrap();
        });
        assert_eq!(Segment::of_frame(&udp), None);
        for length in 0..udp.len() {
            assert_eq!(Segment::of_frame(&udp[..length]), None);
        }
        assert_eq!(Segment::of_frame(&[]), None);
    }
}
