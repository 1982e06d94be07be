//! Reads TCP segments from Ethernet frames.

use std::net::{IpAddr, SocketAddr};

use etherparse::{LaxNetSlice, LaxSlicedPacket, TcpOptionElement, TcpSlice, TransportSlice};

use super::TcpFlags;

/// Bytes of an Ethernet header without tags.
const ETHERNET: u32 = 14;
/// Bytes of the IPv6 header (RFC 8200, section 3).
const IPV6: u32 = 40;
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

/// A TCP segment, or several that the kernel put into one large packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields have TCP's names")]
pub struct Segment {
    pub from: SocketAddr,
    pub to: SocketAddr,
    /// Sequence number of the first byte (or of the SYN).
    pub sequence: u32,
    /// Acknowledgement number, if ACK is set.
    pub acknowledges: Option<u32>,
    /// Bytes of data, as the headers say; a capture may hold fewer.
    pub length: u32,
    pub syn: bool,
    pub fin: bool,
    pub rst: bool,
    pub psh: bool,
    /// `Identification` of IPv4, which routers keep and which differs between retransmissions; 0 for IPv6.
    pub identification: u16,
    pub timestamps: Option<Timestamps>,
    /// The status of an HTTP reply that begins in this segment.
    pub status: Option<u16>,
}

/// Positions in a frame, in bytes from the start of the Ethernet header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentOffsets {
    /// The start of the TCP header.
    pub(crate) tcp: usize,
    /// TSval; TSecr follows it. `None` if the segment has no timestamps.
    pub(crate) timestamps: Option<usize>,
}

impl Segment {
    /// Reads a frame of `length` bytes of which at least the headers are in `ethernet`. Returns `None` for everything
    /// that is not a TCP segment with a complete header; that includes later fragments.
    pub(crate) fn read(ethernet: &[u8], length: u32) -> Option<(Self, SegmentOffsets)> {
        let packet = LaxSlicedPacket::from_ethernet(ethernet).ok()?;
        let Some(TransportSlice::Tcp(tcp)) = packet.transport else {
            return None;
        };
        let (addresses, headers, whole, identification): ([IpAddr; 2], _, _, _) = match packet.net?
        {
            LaxNetSlice::Ipv4(ip) => {
                let header = ip.header();
                (
                    [
                        header.source_addr().into(),
                        header.destination_addr().into(),
                    ],
                    u32::from(header.ihl()) * 4,
                    u32::from(header.total_len()),
                    header.identification(),
                )
            }
            LaxNetSlice::Ipv6(ip) => {
                let header = ip.header();
                let extensions = u32::try_from(ip.extensions().slice().len()).ok()?;
                // Above 64 KiB the length is 0 (RFC 2675).
                let whole = match header.payload_length() {
                    0 => 0,
                    payload => IPV6 + u32::from(payload),
                };
                (
                    [
                        header.source_addr().into(),
                        header.destination_addr().into(),
                    ],
                    IPV6 + extensions,
                    whole,
                    0,
                )
            }
            LaxNetSlice::Arp(_) => return None,
        };
        let whole = match whole {
            0 => length.saturating_sub(ETHERNET),
            whole => whole,
        };
        // Both are parts of the frame, so the distance of their starts is a position in it.
        let position = |part: &[u8]| part.as_ptr() as usize - ethernet.as_ptr() as usize;
        let timestamps = timestamps(&tcp);
        let offsets = SegmentOffsets {
            tcp: position(tcp.slice()),
            timestamps: timestamps.map(|(_, behind)| position(behind) - TIMESTAMP_BYTES),
        };
        let segment = Self {
            from: SocketAddr::new(addresses[0], tcp.source_port()),
            to: SocketAddr::new(addresses[1], tcp.destination_port()),
            sequence: tcp.sequence_number(),
            acknowledges: tcp.ack().then(|| tcp.acknowledgment_number()),
            length: whole.saturating_sub(headers + u32::from(tcp.data_offset()) * 4),
            syn: tcp.syn(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            psh: tcp.psh(),
            identification,
            timestamps: timestamps.map(|(timestamps, _)| timestamps),
            status: status(tcp.payload()),
        };
        Some((segment, offsets))
    }

    /// Returns the control bits, without those that nothing here uses (URG, ECE, CWR).
    pub fn flags(&self) -> TcpFlags {
        let bits = [
            (self.fin, TcpFlags::FIN),
            (self.syn, TcpFlags::SYN),
            (self.rst, TcpFlags::RST),
            (self.psh, TcpFlags::PSH),
            (self.acknowledges.is_some(), TcpFlags::ACK),
        ];
        let set = bits.iter().filter(|(set, _)| *set);
        set.fold(TcpFlags::default(), |flags, (_, bit)| flags.and(*bit))
    }

    /// Returns whether it opens a connection: SYN without ACK.
    pub fn opens(&self) -> bool {
        self.syn && self.acknowledges.is_none()
    }

    /// Returns whether it accepts a connection: SYN with ACK.
    pub fn accepts(&self) -> bool {
        self.syn && self.acknowledges.is_some()
    }

    /// Returns the sequence number after its last byte: SYN and FIN count as one each (RFC 9293, section 3.4).
    pub fn end(&self) -> u32 {
        self.sequence
            .wrapping_add(self.length)
            .wrapping_add(self.syn.into())
            .wrapping_add(self.fin.into())
    }

    /// Returns its addresses, from sender to receiver.
    pub fn pair(&self) -> AddressPair {
        (self.from, self.to)
    }
}

/// Two addresses with ports, in the direction of a segment.
pub type AddressPair = (SocketAddr, SocketAddr);

/// Returns the distance from one sequence number to a later one, negative if it is earlier (RFC 9293, section 3.4:
/// modulo 2^32).
pub(crate) fn distance(sequence: u32, base: u32) -> i64 {
    i64::from(sequence.wrapping_sub(base).cast_signed())
}

/// Returns the status of an HTTP/1 reply that begins here (RFC 9112, section 4).
fn status(data: &[u8]) -> Option<u16> {
    let line = data.strip_prefix(b"HTTP/1.")?;
    let status = std::str::from_utf8(line.get(2..5)?).ok()?;
    status.parse().ok()
}

/// Returns the timestamps and the options behind them. As in the kernel, an option that cannot be read ends the search
/// (`tcp_parse_options`).
fn timestamps<'a>(tcp: &'a TcpSlice<'_>) -> Option<(Timestamps, &'a [u8])> {
    let mut options = tcp.options_iterator();
    loop {
        if let TcpOptionElement::Timestamp(value, echo) = options.next()?.ok()? {
            return Some((Timestamps { value, echo }, options.rest()));
        }
    }
}
