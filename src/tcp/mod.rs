//! The vocabulary of TCP: control bits, states, and segments as they are read from frames.
//!
//! Pure data. Not here: the kernel's sockets (`sys`).

mod flags;
pub(crate) mod segment;
mod state;

pub use flags::TcpFlags;
pub use segment::{AddressPair, Segment, Timestamps};
pub use state::TcpState;
