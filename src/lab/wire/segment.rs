//! What a frame holds, as far as the wire looks: a TCP segment for the emulation of kernel features, or a link's upkeep.

use std::net::{IpAddr, SocketAddr};

use etherparse::{LaxNetSlice, LaxSlicedPacket, TcpOptionElement, TransportSlice};

use crate::sys::packet::OFFLOAD_HEADER;

/// Bytes of TSval and TSecr, which end the timestamps option (RFC 7323, section 3.2).
const TIMESTAMP_BYTES: usize = 8;

/// The timestamps option (RFC 7323, section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamps {
    /// TSval: the sender's clock.
    pub value: u32,
    /// TSecr: the latest clock value that the sender has from its peer.
    pub echo: u32,
}

/// A TCP segment, or what of several the kernel put into one large packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Sender.
    pub from: SocketAddr,
    /// Receiver.
    pub to: SocketAddr,
    /// Sequence number of the first byte (or of the SYN).
    pub sequence: u32,
    /// Acknowledgement number, where ACK is set.
    pub acknowledges: Option<u32>,
    /// Bytes of data.
    pub length: u32,
    /// SYN.
    pub syn: bool,
    /// FIN.
    pub fin: bool,
    /// RST.
    pub rst: bool,
    /// The timestamps option, where it is there.
    pub timestamps: Option<Timestamps>,
}

/// Where things are in a frame, in bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Places {
    /// The TCP header.
    pub(super) tcp: usize,
    /// TSval; TSecr follows it. `None` where the segment has no timestamps.
    pub(super) timestamps: Option<usize>,
}

/// Whether a frame only keeps the link itself working: ARP; IPv6 neighbour discovery (RFC 4861, ICMPv6 types 133 to 137)
/// and multicast listener reports (RFC 2710 and 3810, types 130 to 132 and 143).
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
    /// Reads a frame as it comes from a packet socket. `None` for everything that is not a TCP segment with a whole header,
    /// fragments among it.
    pub fn of_frame(frame: &[u8]) -> Option<Self> {
        Self::located(frame).map(|(segment, _)| segment)
    }

    /// Reads a frame, and says where in it to change it.
    pub(super) fn located(frame: &[u8]) -> Option<(Self, Places)> {
        let packet = LaxSlicedPacket::from_ethernet(frame.get(OFFLOAD_HEADER..)?).ok()?;
        let (from, to): (IpAddr, IpAddr) = match packet.net? {
            LaxNetSlice::Ipv4(ip) => (
                ip.header().source_addr().into(),
                ip.header().destination_addr().into(),
            ),
            LaxNetSlice::Ipv6(ip) => (
                ip.header().source_addr().into(),
                ip.header().destination_addr().into(),
            ),
            LaxNetSlice::Arp(_) => return None,
        };
        let Some(TransportSlice::Tcp(tcp)) = packet.transport else {
            return None;
        };
        let mut options = tcp.options_iterator();
        let timestamps = loop {
            // As the kernel does, everything after an option that cannot be read is left (`tcp_parse_options`).
            match options.next().and_then(Result::ok) {
                Some(TcpOptionElement::Timestamp(value, echo)) => {
                    break Some(Timestamps { value, echo });
                }
                Some(_) => {}
                None => break None,
            }
        };
        // Both are parts of the frame, so the distance of their starts is a position in it.
        let place = |part: &[u8]| part.as_ptr() as usize - frame.as_ptr() as usize;
        let places = Places {
            tcp: place(tcp.slice()),
            timestamps: timestamps.map(|_| place(options.rest()) - TIMESTAMP_BYTES),
        };
        let segment = Self {
            from: SocketAddr::new(from, tcp.source_port()),
            to: SocketAddr::new(to, tcp.destination_port()),
            sequence: tcp.sequence_number(),
            acknowledges: tcp.ack().then(|| tcp.acknowledgment_number()),
            length: u32::try_from(tcp.payload().len()).ok()?,
            syn: tcp.syn(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            timestamps,
        };
        Some((segment, places))
    }

    /// The sequence number after it: SYN and FIN count as one each (RFC 9293, section 3.4).
    pub fn end(&self) -> u32 {
        self.sequence
            .wrapping_add(self.length)
            .wrapping_add(self.syn.into())
            .wrapping_add(self.fin.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::PacketBuilder;

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
    fn a_links_upkeep_is_told_from_what_it_carries() {
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
    fn what_is_not_a_whole_segment_is_none() {
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
