//! Constants shared by the writer and the reader of captures: pcapng's numbers, and our own prefixes in its comments.
//!
//! The numbers are from draft-ietf-opsawg-pcapng, sections 3.5 and 4.

/// Section Header Block; the same in both byte orders.
pub(super) const SECTION: u32 = 0x0a0d_0d0a;
/// Type of an Interface Description Block.
pub(super) const INTERFACE: u32 = 1;
/// Type of an Interface Statistics Block.
pub(super) const STATISTICS: u32 = 5;
/// Type of an Enhanced Packet Block.
pub(super) const PACKET: u32 = 6;

/// `Byte-Order Magic` in a section header.
pub(super) const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// Supported major version of the format.
pub(super) const MAJOR: u16 = 1;
/// Link type `LINKTYPE_ETHERNET` of an interface.
pub(super) const ETHERNET: u16 = 1;
/// Bytes of every block besides its body: type, length, and the length again.
pub(super) const FRAME: usize = 12;

/// Option code `opt_endofopt` of any block.
pub(super) const END_OF_OPTIONS: u16 = 0;
/// Option code `opt_comment` of any block.
pub(super) const COMMENT: u16 = 1;
/// Option code `shb_os` of a section.
pub(super) const SECTION_OS: u16 = 3;
/// Option code `shb_userappl` of a section.
pub(super) const SECTION_PROGRAM: u16 = 4;
/// Option code `if_name` of an interface.
pub(super) const INTERFACE_NAME: u16 = 2;
/// Option code `if_description` of an interface.
pub(super) const INTERFACE_DESCRIPTION: u16 = 3;
/// Option code `if_tsresol` of an interface: 9 for nanoseconds; a power of 2 if the highest bit is set.
pub(super) const INTERFACE_RESOLUTION: u16 = 9;
/// Option code `if_tsoffset` of an interface: seconds to add to every time.
pub(super) const INTERFACE_OFFSET: u16 = 14;
/// Option code `epb_flags` of a packet.
pub(super) const PACKET_FLAGS: u16 = 2;
/// Option code `isb_endtime` of statistics.
pub(super) const STATISTICS_END: u16 = 3;
/// Option code `isb_ifrecv` of statistics.
pub(super) const STATISTICS_RECEIVED: u16 = 4;
/// Option code `isb_ifdrop` of statistics.
pub(super) const STATISTICS_DROPPED: u16 = 5;

/// Value of the two lowest bits of `epb_flags` for a packet that arrived.
pub(super) const INBOUND: u32 = 0b01;
/// Value of the two lowest bits of `epb_flags` for a packet that left.
pub(super) const OUTBOUND: u32 = 0b10;

/// Prefix of the comment with the id of the run.
pub(super) const RUN: &str = "run: ";
/// Prefix of the comment with the wall clock at the zero of the run's clock: seconds since 1970-01-01 UTC, with nine
/// decimals.
pub(super) const CLOCK_ZERO: &str = "clock zero: ";
/// Prefix of the comment in an interface's statistics if the capture has reached its size limit.
pub(super) const REACHED_BOUND: &str = "ends early: ";

/// Returns the number of padding bytes after a field, so that the next begins at a multiple of four.
pub(super) fn padding(length: usize) -> usize {
    length.wrapping_neg() % 4
}
