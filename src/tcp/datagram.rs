//! Reads UDP datagrams from Ethernet frames.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};

/// Bytes of a UDP header (RFC 768).
const HEADER: u32 = 8;

/// A UDP datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram {
    /// The source.
    pub from: SocketAddr,
    /// The destination.
    pub to: SocketAddr,
    /// Bytes of data, as the header says; a capture may hold fewer.
    pub length: u32,
    /// A number that differs with the captured part of the data.
    pub content: u64,
}

impl Datagram {
    /// Reads a frame of which at least the headers are in `ethernet`. Returns `None` for everything that is not a UDP
    /// datagram with a complete header.
    pub(crate) fn read(ethernet: &[u8]) -> Option<Self> {
        let packet = LaxSlicedPacket::from_ethernet(ethernet).ok()?;
        let Some(TransportSlice::Udp(udp)) = packet.transport else {
            return None;
        };
        let [from, to]: [IpAddr; 2] = match packet.net? {
            LaxNetSlice::Ipv4(ip) => {
                let header = ip.header();
                [
                    header.source_addr().into(),
                    header.destination_addr().into(),
                ]
            }
            LaxNetSlice::Ipv6(ip) => {
                let header = ip.header();
                [
                    header.source_addr().into(),
                    header.destination_addr().into(),
                ]
            }
            LaxNetSlice::Arp(_) => return None,
        };
        let mut hasher = DefaultHasher::new();
        udp.payload().hash(&mut hasher);
        Some(Self {
            from: SocketAddr::new(from, udp.source_port()),
            to: SocketAddr::new(to, udp.destination_port()),
            length: u32::from(udp.length()).saturating_sub(HEADER),
            content: hasher.finish(),
        })
    }
}
