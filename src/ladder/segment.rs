//! A TCP segment, as far as its first bytes tell.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use etherparse::{LaxNetSlice, LaxSlicedPacket, TcpOptionElement, TransportSlice};

use crate::record::CapturedPacket;

/// Bytes of an Ethernet header without tags.
const ETHERNET: u32 = 14;

/// What a segment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Segment {
    /// Who sends it.
    pub(super) source: SocketAddr,
    /// To whom.
    pub(super) target: SocketAddr,
    /// Sequence number of its first byte, or of SYN.
    pub(super) seq: u32,
    /// Acknowledged up to here; means nothing without ACK.
    pub(super) ack: u32,
    /// Its control bits.
    pub(super) flags: Flags,
    /// Bytes of data.
    pub(super) length: u32,
    /// `Identification` of IPv4, which tells retransmissions apart and is kept by routers; 0 for IPv6.
    pub(super) identification: u16,
    /// `TSval` (RFC 7323, 3.2), which tells retransmissions apart where a millisecond passed between them; a wire that sets hosts'
    /// clocks apart changes it.
    pub(super) stamp: Option<u32>,
}

/// The control bits of a segment (RFC 9293, 3.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flags(u8);

impl Flags {
    /// FIN.
    pub const FIN: Self = Self(0x01);
    /// SYN.
    pub const SYN: Self = Self(0x02);
    /// RST.
    pub const RST: Self = Self(0x04);
    /// PSH.
    pub const PSH: Self = Self(0x08);
    /// ACK.
    pub const ACK: Self = Self(0x10);

    /// The bits of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of these bits are set.
    pub const fn has(self, bits: Self) -> bool {
        self.0 & bits.0 == bits.0
    }
}

impl fmt::Display for Flags {
    /// `SYN-ACK`: what is rare first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::SYN, "SYN"),
            (Self::FIN, "FIN"),
            (Self::RST, "RST"),
            (Self::PSH, "PSH"),
            (Self::ACK, "ACK"),
        ];
        let set = names.iter().filter(|(bit, _)| self.has(*bit));
        let set: Vec<_> = set.map(|(_, name)| *name).collect();
        f.write_str(if set.is_empty() { "none" } else { "" })?;
        f.write_str(&set.join("-"))
    }
}

impl Segment {
    /// Reads a packet, of which only the first bytes need be there. `None` for all that is no TCP segment, and for the later
    /// fragments of one.
    pub(crate) fn of(packet: &CapturedPacket<'_>) -> Option<Self> {
        let parsed = LaxSlicedPacket::from_ethernet(packet.bytes).ok()?;
        let Some(TransportSlice::Tcp(tcp)) = parsed.transport else {
            return None;
        };
        let (source, target, headers, whole, identification): (IpAddr, IpAddr, _, _, _) =
            match parsed.net? {
                LaxNetSlice::Ipv4(ip) => {
                    let header = ip.header();
                    let headers = u32::from(header.ihl()) * 4;
                    let whole = u32::from(header.total_len());
                    (
                        header.source_addr().into(),
                        header.destination_addr().into(),
                        headers,
                        whole,
                        header.identification(),
                    )
                }
                LaxNetSlice::Ipv6(ip) => {
                    let header = ip.header();
                    let extensions = ip.extensions().slice().len();
                    let headers = 40 + u32::try_from(extensions).ok()?;
                    // Above 64 KiB it is 0 (RFC 2675).
                    let whole = match header.payload_length() {
                        0 => 0,
                        payload => 40 + u32::from(payload),
                    };
                    (
                        header.source_addr().into(),
                        header.destination_addr().into(),
                        headers,
                        whole,
                        0,
                    )
                }
                LaxNetSlice::Arp(_) => return None,
            };
        let whole = match whole {
            0 => packet.length.saturating_sub(ETHERNET),
            whole => whole,
        };
        let bits = [
            (tcp.fin(), Flags::FIN),
            (tcp.syn(), Flags::SYN),
            (tcp.rst(), Flags::RST),
            (tcp.psh(), Flags::PSH),
            (tcp.ack(), Flags::ACK),
        ];
        let set = bits.iter().filter(|(set, _)| *set);
        Some(Self {
            source: SocketAddr::new(source, tcp.source_port()),
            target: SocketAddr::new(target, tcp.destination_port()),
            seq: tcp.sequence_number(),
            ack: tcp.acknowledgment_number(),
            flags: set.fold(Flags::default(), |flags, (_, bit)| flags.and(*bit)),
            length: whole.saturating_sub(headers + u32::from(tcp.data_offset()) * 4),
            identification,
            stamp: tcp.options_iterator().find_map(|option| match option {
                Ok(TcpOptionElement::Timestamp(stamp, _)) => Some(stamp),
                _ => None,
            }),
        })
    }

    /// Whether it opens a connection: SYN without ACK.
    pub(super) fn opens(&self) -> bool {
        self.flags.has(Flags::SYN) && !self.flags.has(Flags::ACK)
    }

    /// The sequence number behind its last: SYN and FIN count for one each.
    pub(super) fn end(&self) -> u32 {
        let counted = u32::from(self.flags.has(Flags::SYN)) + u32::from(self.flags.has(Flags::FIN));
        self.seq.wrapping_add(self.length).wrapping_add(counted)
    }

    /// Its addresses, from sender to receiver.
    pub(super) fn pair(&self) -> Pair {
        (self.source, self.target)
    }
}

/// Two addresses with ports, in the direction of a segment.
pub(super) type Pair = (SocketAddr, SocketAddr);

/// How far one sequence number is after another (RFC 9293, 3.4: modulo 2^32).
pub(super) fn after(seq: u32, base: u32) -> i64 {
    i64::from(seq.wrapping_sub(base).cast_signed())
}
