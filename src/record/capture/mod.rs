//! Captures: the packets of a run at every link end, in one pcapng file (draft-ietf-opsawg-pcapng).
//!
//! A [`CaptureWriter`] writes one while the run goes on; a [`Capture`] has been read. The packets are not interpreted
//! here.

mod annotate;
mod block;
mod read;
mod stream;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;

use crate::names::{IfName, NodeName};

pub use annotate::{WrittenPacket, annotate};
pub use read::{CaptureFault, CaptureReadError};
pub use write::CaptureWriter;

/// A node's end of a link, where packets are captured. Displayed as `nat:eth1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkEnd {
    /// Name of the node.
    pub node: NodeName,
    /// Interface of the node.
    pub interface: IfName,
}

impl fmt::Display for LinkEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.node, self.interface)
    }
}

/// The information at the start of a capture, before the first packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureHeader {
    /// Id of the run, as displayed.
    pub run: String,
    /// Wall clock at the zero of the run's clock, nanoseconds since 1970-01-01 UTC.
    pub clock_zero: u64,
    /// Greatest number of bytes kept per packet.
    pub snap: u32,
    /// Link ends at which packets are captured, each with a description for people.
    pub interfaces: Vec<(LinkEnd, String)>,
}

/// The direction of a packet, as seen from the node at whose link end it was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// The packet arrived at the node.
    Inbound,
    /// The packet left the node.
    Outbound,
}

/// A packet captured at a link end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapturedPacket<'a> {
    /// Link end, as an index into the capture's interfaces.
    pub interface: usize,
    /// Wall clock at which it was captured, nanoseconds since 1970-01-01 UTC.
    pub time: u64,
    /// Its direction, if known.
    pub direction: Option<Direction>,
    /// Its length on the link in bytes.
    pub length: u32,
    /// Its first bytes, starting with the Ethernet header.
    pub bytes: &'a [u8],
}

/// A capture as read from a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capture {
    /// Id of the run, if the capture names it.
    pub run: Option<String>,
    /// Wall clock at the zero of the run's clock, nanoseconds since 1970-01-01 UTC, if the capture contains it.
    pub clock_zero: Option<u64>,
    /// Wall clock at the end of the capture, nanoseconds since 1970-01-01 UTC. If the capture does not contain it, the
    /// time of its last packet.
    pub ended: u64,
    /// Number of packets missing because they arrived faster than they could be captured.
    pub dropped: u64,
    /// True if the capture ends before the run: it reached its size limit, or its writer was killed.
    pub ends_early: bool,
    /// Link ends by interface number; `None` for interfaces that are not Ethernet link ends of a lab.
    interfaces: Vec<Option<LinkEnd>>,
    packets: Vec<Stored>,
    bytes: Vec<u8>,
}

/// A packet of a [`Capture`]; the bytes of all packets are kept together.
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
    /// Returns the link end with this interface number, if it is one.
    pub fn link_end(&self, interface: usize) -> Option<&LinkEnd> {
        self.interfaces.get(interface)?.as_ref()
    }

    /// Returns all packets in order of time.
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
