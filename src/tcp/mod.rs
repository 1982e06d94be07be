//! The vocabulary of TCP: control bits, states, and segments as they are read from frames;
//! and the datagrams of UDP beside it.
//!
//! Pure data. Not here: the kernel's sockets (`sys`).

mod datagram;
mod flags;
pub(crate) mod segment;
mod state;

pub use datagram::Datagram;
pub use flags::TcpFlags;
pub use segment::{AddressPair, Segment, Timestamps};
pub use state::TcpState;
