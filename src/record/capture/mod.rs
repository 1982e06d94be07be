//! Captures: the packets of a run at every link end, in one pcapng file (draft-ietf-opsawg-pcapng).
//!
//! A [`CaptureWriter`] writes one while the run goes on, a [`Capture`] is one that was read. What the packets say is not known
//! here.

mod block;
mod read;
mod stream;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;

use crate::names::{IfName, NodeName};

pub use read::{CaptureFault, CaptureReadError};
pub use write::CaptureWriter;

/// A node's end of a link: where packets are seen. Written `nat:eth1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkEnd {
    /// The node.
    pub node: NodeName,
    /// Its interface.
    pub interface: IfName,
}

impl fmt::Display for LinkEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.node, self.interface)
    }
}

/// What a capture says of itself before the first packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureHeader {
    /// Which run it is of, as the run's id is printed.
    pub run: String,
    /// The wall clock at the zero of the run's clock, nanoseconds since 1970-01-01 UTC.
    pub clock_zero: u64,
    /// Bytes kept of each packet, at most.
    pub snap: u32,
    /// Where packets are seen, each with a sentence for people.
    pub interfaces: Vec<(LinkEnd, String)>,
}

/// Which way a packet was going, seen from the node at whose link end it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// It arrived.
    Inbound,
    /// It left.
    Outbound,
}

/// A packet, seen at a link end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapturedPacket<'a> {
    /// Which link end: index into the interfaces of the capture.
    pub interface: usize,
    /// The wall clock when it was seen, nanoseconds since 1970-01-01 UTC.
    pub time: u64,
    /// Which way it was going, where that is known.
    pub direction: Option<Direction>,
    /// Its length on the link, bytes.
    pub length: u32,
    /// Its first bytes, from the Ethernet header on.
    pub bytes: &'a [u8],
}

/// A capture that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capture {
    /// Which run it is of, where it says so.
    pub run: Option<String>,
    /// The wall clock at the zero of the run's clock, nanoseconds since 1970-01-01 UTC, where it says so.
    pub clock_zero: Option<u64>,
    /// The wall clock when it ended, nanoseconds since 1970-01-01 UTC: where it does not say so, when its last packet was seen.
    pub ended: u64,
    /// Packets that it lacks because they came faster than they could be taken.
    pub dropped: u64,
    /// Whether it ends before the run did: it has reached its bound, or the process that wrote it was killed.
    pub ends_early: bool,
    /// Link ends by interface number; `None` for interfaces that are no Ethernet link ends of a lab.
    interfaces: Vec<Option<LinkEnd>>,
    packets: Vec<Stored>,
    bytes: Vec<u8>,
}

/// A packet of a [`Capture`]; its bytes lie with those of all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stored {
    time: u64,
    interface: u32,
    length: u32,
    at: u32,
    kept: u32,
    direction: Option<Direction>,
}

impl Capture {
    /// The link end that an interface number stands for, where it is one.
    pub fn link_end(&self, interface: usize) -> Option<&LinkEnd> {
        self.interfaces.get(interface)?.as_ref()
    }

    /// Every packet, in the order of time.
    pub fn packets(&self) -> impl DoubleEndedIterator<Item = CapturedPacket<'_>> + Clone {
        self.packets.iter().map(|stored| CapturedPacket {
            interface: stored.interface as usize,
            time: stored.time,
            direction: stored.direction,
            length: stored.length,
            bytes: &self.bytes[stored.at as usize..][..stored.kept as usize],
        })
    }
}
