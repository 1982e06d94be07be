//! What the writer and the reader of captures must agree on: pcapng's numbers, and our own words in its comments.
//!
//! Numbers are those of draft-ietf-opsawg-pcapng, sections 3.5 and 4.

/// Section Header Block; reads the same in both byte orders.
pub(super) const SECTION: u32 = 0x0a0d_0d0a;
/// Interface Description Block.
pub(super) const INTERFACE: u32 = 1;
/// Interface Statistics Block.
pub(super) const STATISTICS: u32 = 5;
/// Enhanced Packet Block.
pub(super) const PACKET: u32 = 6;

/// `Byte-Order Magic` of a section.
pub(super) const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// The major version of the format.
pub(super) const MAJOR: u16 = 1;
/// `LINKTYPE_ETHERNET`.
pub(super) const ETHERNET: u16 = 1;
/// Type, length and length once more: what every block has.
pub(super) const FRAME: usize = 12;

/// `opt_endofopt`.
pub(super) const END_OF_OPTIONS: u16 = 0;
/// `opt_comment`.
pub(super) const COMMENT: u16 = 1;
/// `shb_os`.
pub(super) const SECTION_OS: u16 = 3;
/// `shb_userappl`.
pub(super) const SECTION_PROGRAM: u16 = 4;
/// `if_name`.
pub(super) const INTERFACE_NAME: u16 = 2;
/// `if_description`.
pub(super) const INTERFACE_DESCRIPTION: u16 = 3;
/// `if_tsresol`: 9 for nanoseconds; with the highest bit set, a power of 2.
pub(super) const INTERFACE_RESOLUTION: u16 = 9;
/// `if_tsoffset`: seconds to add to every time.
pub(super) const INTERFACE_OFFSET: u16 = 14;
/// `epb_flags`.
pub(super) const PACKET_FLAGS: u16 = 2;
/// `isb_endtime`.
pub(super) const STATISTICS_END: u16 = 3;
/// `isb_ifrecv`.
pub(super) const STATISTICS_RECEIVED: u16 = 4;
/// `isb_ifdrop`.
pub(super) const STATISTICS_DROPPED: u16 = 5;

/// The two lowest bits of `epb_flags` for a packet that arrived.
pub(super) const INBOUND: u32 = 0b01;
/// And for one that left.
pub(super) const OUTBOUND: u32 = 0b10;

/// The comment that says which run a capture is of.
pub(super) const RUN: &str = "run: ";
/// The comment that says the wall clock at the zero of the run's clock: seconds since 1970-01-01 UTC with nine decimals.
pub(super) const CLOCK_ZERO: &str = "clock zero: ";
/// The comment of an interface's statistics where the capture has reached its bound.
pub(super) const REACHED_BOUND: &str = "ends early: ";

/// How many bytes follow on a field so that the next begins at a multiple of four.
pub(super) fn padding(length: usize) -> usize {
    length.wrapping_neg() % 4
}
