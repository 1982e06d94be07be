//! The message that the programs of the trace send: one fixed form for all events.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::tcp::{Datagram, Segment};

/// Bytes of a message; a multiple of eight.
pub(super) const LENGTH: i32 = 200;
/// Bytes of a packet in a message: IPv6 (40) and TCP with some options.
pub(super) const PACKET: i32 = 96;

/// Positions in a message.
pub(super) mod position {
    pub(in super::super) const TIME: i32 = 0;
    pub(in super::super) const KIND: i32 = 8;
    pub(in super::super) const NODE: i32 = 12;
    pub(in super::super) const SOCKET: i32 = 16;
    pub(in super::super) const FIRST: i32 = 24;
    pub(in super::super) const SECOND: i32 = 28;
    pub(in super::super) const PEER_PORT: i32 = 32;
    pub(in super::super) const LOCAL_PORT: i32 = 34;
    pub(in super::super) const FAMILY: i32 = 36;
    pub(in super::super) const PROTOCOL: i32 = 38;
    pub(in super::super) const PEER_V4: i32 = 40;
    pub(in super::super) const LOCAL_V4: i32 = 44;
    pub(in super::super) const PEER_V6: i32 = 48;
    pub(in super::super) const LOCAL_V6: i32 = 64;
    pub(in super::super) const PACKET: i32 = 80;
    /// Five numbers, in the place of the packet.
    pub(in super::super) const WINDOW: i32 = PACKET;
    /// Five numbers, and then 1 if there is a receiving socket.
    pub(in super::super) const QUEUES: i32 = PACKET + super::PACKET;
    pub(in super::super) const HAS_QUEUES: i32 = QUEUES + 20;
}

/// Bytes of an Ethernet header, of which the trace has only the protocol.
const ETHERNET: usize = 14;

/// A message as it came from the kernel.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawMessage<'a>(pub(super) &'a [u8]);

impl RawMessage<'_> {
    fn part<const N: usize>(&self, at: i32) -> [u8; N] {
        let at = at.unsigned_abs() as usize;
        let part = self.0.get(at..at + N).and_then(|part| part.try_into().ok());
        part.unwrap_or([0; N])
    }

    pub(super) fn number(&self, at: i32) -> u32 {
        u32::from_ne_bytes(self.part(at))
    }

    /// Returns five numbers that follow each other.
    pub(super) fn five(&self, at: i32) -> [u32; 5] {
        [0, 4, 8, 12, 16].map(|after| self.number(at + after))
    }

    pub(super) fn long(&self, at: i32) -> u64 {
        u64::from_ne_bytes(self.part(at))
    }

    fn address(&self, v4: i32, v6: i32) -> IpAddr {
        match i32::from(u16::from_ne_bytes(self.part(position::FAMILY))) {
            libc::AF_INET6 => IpAddr::V6(Ipv6Addr::from(self.part::<16>(v6))).to_canonical(),
            _ => IpAddr::V4(Ipv4Addr::from(self.part::<4>(v4))),
        }
    }

    /// Returns the socket's own address, with port 0 if it has none yet.
    pub(super) fn local(&self) -> SocketAddr {
        let address = self.address(position::LOCAL_V4, position::LOCAL_V6);
        SocketAddr::new(address, u16::from_be_bytes(self.part(position::LOCAL_PORT)))
    }

    /// Returns the address of the socket's peer, with port 0 if it has none.
    pub(super) fn peer(&self) -> SocketAddr {
        let address = self.address(position::PEER_V4, position::PEER_V6);
        SocketAddr::new(address, u16::from_be_bytes(self.part(position::PEER_PORT)))
    }

    /// Reads the packet, if it is a TCP segment.
    pub(super) fn segment(&self) -> Option<Segment> {
        let length = self.number(position::SECOND);
        Segment::read(&self.frame()?, length).map(|(segment, _)| segment)
    }

    /// Reads the packet, if it is a UDP datagram.
    pub(super) fn datagram(&self) -> Option<Datagram> {
        Datagram::read(&self.frame()?)
    }

    /// Returns the packet with an Ethernet header.
    fn frame(&self) -> Option<[u8; ETHERNET + PACKET as usize]> {
        let packet: [u8; PACKET as usize] = self.part(position::PACKET);
        let mut frame = [0; ETHERNET + PACKET as usize];
        frame[ETHERNET - 2..ETHERNET].copy_from_slice(&match packet[0] >> 4 {
            4 => 0x0800_u16.to_be_bytes(),
            6 => 0x86dd_u16.to_be_bytes(),
            _ => return None,
        });
        frame[ETHERNET..].copy_from_slice(&packet);
        Some(frame)
    }
}
