//! Adds comments to the packets of a capture that this program has written.

use std::io::{self, Write};

use super::block::{self, FRAME, padding};

/// Positions of the fields of an Enhanced Packet Block.
const PACKET_TIME: usize = 12;
const PACKET_KEPT: usize = 20;
const PACKET_LENGTH: usize = 24;
const PACKET_BYTES: usize = 28;

/// A packet in a file.
#[derive(Debug, Clone, Copy)]
pub struct WrittenPacket<'a> {
    /// Wall clock at which it was captured, nanoseconds since 1970-01-01 UTC.
    pub time: u64,
    /// Its length on the link in bytes.
    pub length: u32,
    /// Its first bytes, starting with the Ethernet header.
    pub bytes: &'a [u8],
}

/// Copies a capture and adds the comment that `remark` returns for a packet.
///
/// # Errors
/// `InvalidData` if the capture was not written by a [`CaptureWriter`](super::CaptureWriter) of this machine's byte
/// order; else the errors of the output.
pub fn annotate(
    capture: &[u8],
    mut output: impl Write,
    mut remark: impl FnMut(WrittenPacket<'_>) -> Option<String>,
) -> io::Result<()> {
    let strange = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "the capture has an invalid block",
        )
    };
    let mut rest = capture;
    while rest.len() >= FRAME {
        let length = word(rest, 4).ok_or_else(strange)? as usize;
        // What follows a torn block is not read either.
        let (Some(whole), true) = (rest.get(..length), length >= FRAME) else {
            break;
        };
        rest = &rest[length..];
        if word(whole, 0) == Some(block::SECTION) && word(whole, 8) != Some(block::BYTE_ORDER) {
            return Err(strange());
        }
        let comment = match word(whole, 0) {
            Some(block::PACKET) => remark(packet(whole).ok_or_else(strange)?),
            _ => None,
        };
        match comment {
            Some(comment) => {
                output.write_all(&with_comment(whole, &comment).ok_or_else(strange)?)?
            }
            None => output.write_all(whole)?,
        }
    }
    output.write_all(rest)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(word.try_into().ok()?))
}

fn packet(whole: &[u8]) -> Option<WrittenPacket<'_>> {
    let kept = word(whole, PACKET_KEPT)? as usize;
    let (high, low) = (word(whole, PACKET_TIME)?, word(whole, PACKET_TIME + 4)?);
    Some(WrittenPacket {
        time: u64::from(high) << 32 | u64::from(low),
        length: word(whole, PACKET_LENGTH)?,
        bytes: whole.get(PACKET_BYTES..PACKET_BYTES + kept)?,
    })
}

/// Returns the block of a packet with a comment as its first option.
fn with_comment(whole: &[u8], comment: &str) -> Option<Vec<u8>> {
    let kept = word(whole, PACKET_KEPT)? as usize;
    let options = PACKET_BYTES + kept + padding(kept);
    let end = whole.len().checked_sub(4)?;
    let length = u16::try_from(comment.len()).ok()?;
    let mut block = whole.get(..options)?.to_vec();
    block.extend(block::COMMENT.to_le_bytes());
    block.extend(length.to_le_bytes());
    block.extend(comment.as_bytes());
    block.resize(block.len() + padding(comment.len()), 0);
    match whole.get(options..end)? {
        // Options end with a mark, which a block without options does not have.
        [] => block.extend([0; 4]),
        others => block.extend(others),
    }
    let length = u32::try_from(block.len() + 4).ok()?.to_le_bytes();
    block.extend(length);
    block[4..8].copy_from_slice(&length);
    Some(block)
}
