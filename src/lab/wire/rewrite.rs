//! Changes numbers in a segment and updates its checksum.

use crate::sys::packet::needs_checksum;

/// Offset of the TCP checksum from the start of the header, bytes (RFC 9293, section 3.1).
const CHECKSUM: usize = 16;

/// Replaces the 32 bits at `place` of a frame whose TCP header begins at `tcp`, and updates the segment's
/// checksum (RFC 1624), unless the kernel has yet to fill it in.
pub(super) fn replace(frame: &mut [u8], tcp: usize, place: usize, value: u32) {
    let still_to_fill_in = needs_checksum(frame);
    let [Some(old), Some(sum)] = [
        frame.get(place..place + 4),
        frame.get(tcp + CHECKSUM..tcp + CHECKSUM + 2),
    ] else {
        return;
    };
    let mut total = u32::from(!u16::from_be_bytes([sum[0], sum[1]]));
    for (index, (new, old)) in value.to_be_bytes().into_iter().zip(old).enumerate() {
        // The first byte of each pair has 256 times the weight; pairs are counted from the start of the header.
        let weight = if (place + index - tcp).is_multiple_of(2) {
            256
        } else {
            1
        };
        total += u32::from(new) * weight;
        total += 0xffff - u32::from(*old) * weight;
    }
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    frame[place..place + 4].copy_from_slice(&value.to_be_bytes());
    if !still_to_fill_in {
        frame[tcp + CHECKSUM..tcp + CHECKSUM + 2].copy_from_slice(&(!(total as u16)).to_be_bytes());
    }
}
