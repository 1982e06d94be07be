//! Splits a pcapng stream into blocks, and blocks into fields, in the byte order of their section.

use std::io::{self, Read};

use super::block::{self, padding};
use super::read::{CaptureFault, CaptureReadError};

/// Greatest length of a block in bytes; tshark 4 has the same limit (`MAX_BLOCK_SIZE`, Wireshark `wiretap/pcapng.c`).
const LONGEST_BLOCK: usize = 16 << 20;
/// First bytes of files in the older pcap format, in both byte orders, with microseconds and with nanoseconds
/// (pcap-savefile(5)).
const OLD_FORMAT: [[u8; 4]; 4] = [
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x4d, 0x3c, 0xb2, 0xa1],
];

/// Reads blocks from a stream.
pub(super) struct BlockReader<R> {
    input: R,
    /// Offset of the next block.
    at: u64,
    big_endian: bool,
    /// The bytes read of the last block.
    block: Vec<u8>,
}

/// The result of reading the next block.
pub(super) enum BlockRead<'a> {
    Whole {
        /// Type of the block.
        kind: u32,
        /// Content between the lengths at its start and end.
        body: BlockFields<'a>,
    },
    /// The stream ends within a block.
    CutOff,
    /// The stream has ended.
    None,
}

impl<R: Read> BlockReader<R> {
    /// Creates a reader at the start of a stream.
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            at: 0,
            big_endian: false,
            block: Vec::new(),
        }
    }

    /// Returns the offset of the next block, in bytes from the start.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Reads the next block. The first is always a section header.
    pub(super) fn next_block(&mut self) -> Result<BlockRead<'_>, CaptureReadError> {
        let at = self.at;
        let corrupt = |source| CaptureReadError::Corrupt { at, source };
        self.block.clear();
        self.fill(4)?;
        if self.block.is_empty() {
            return Ok(BlockRead::None);
        }
        let is_section = self.block == block::SECTION.to_le_bytes();
        if at == 0 && !is_section {
            return self.no_section();
        }
        // A section's byte order follows its length; then come a version and a length of the section.
        let (head, least) = if is_section {
            (12, 28)
        } else {
            (8, block::FRAME)
        };
        self.fill(head - self.block.len())?;
        if self.block.len() < head {
            return Ok(BlockRead::CutOff);
        }
        if is_section {
            self.big_endian = match &self.block[8..12] {
                order if order == block::BYTE_ORDER.to_le_bytes() => false,
                order if order == block::BYTE_ORDER.to_be_bytes() => true,
                _ => return Err(corrupt(CaptureFault::ByteOrder)),
            };
        }
        let mut start = self.fields(..8);
        let kind = start.u32().map_err(corrupt)?;
        let length = start.u32().map_err(corrupt)?;
        let bytes = length as usize;
        if bytes < least || !bytes.is_multiple_of(4) || bytes > LONGEST_BLOCK {
            return Err(corrupt(CaptureFault::Length(length)));
        }
        self.fill(bytes - self.block.len())?;
        if self.block.len() < bytes {
            return Ok(BlockRead::CutOff);
        }
        let again = self.fields(bytes - 4..).u32().map_err(corrupt)?;
        if again != length {
            return Err(corrupt(CaptureFault::Lengths(length, again)));
        }
        if is_section {
            let major = self.fields(12..14).u16().map_err(corrupt)?;
            if major != block::MAJOR {
                return Err(corrupt(CaptureFault::Version(major)));
            }
        }
        self.at += u64::from(length);
        let body = self.fields(8..bytes - 4);
        Ok(BlockRead::Whole { kind, body })
    }

    /// Classifies a stream that does not begin with a section header.
    fn no_section(&self) -> Result<BlockRead<'_>, CaptureReadError> {
        if block::SECTION.to_le_bytes().starts_with(&self.block) {
            Ok(BlockRead::CutOff)
        } else if OLD_FORMAT.iter().any(|magic| *magic == self.block[..]) {
            Err(CaptureReadError::OldFormat)
        } else {
            Err(CaptureReadError::NotACapture)
        }
    }

    /// Returns a part of the block that must have been read.
    fn fields(&self, part: impl std::slice::SliceIndex<[u8], Output = [u8]>) -> BlockFields<'_> {
        BlockFields {
            left: &self.block[part],
            big_endian: self.big_endian,
        }
    }

    /// Appends up to `more` bytes of the stream to the block.
    fn fill(&mut self, more: usize) -> Result<(), CaptureReadError> {
        let mut input = self.input.by_ref().take(more as u64);
        match input.read_to_end(&mut self.block) {
            Ok(_) => Ok(()),
            // A decompressor reports a truncated stream with this error.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            Err(error) => Err(CaptureReadError::Input(error)),
        }
    }
}

/// The fields of a block, read one after another.
pub(super) struct BlockFields<'a> {
    left: &'a [u8],
    big_endian: bool,
}

impl<'a> BlockFields<'a> {
    /// Returns the fields of a part, in the same byte order.
    pub(super) fn within(&self, left: &'a [u8]) -> Self {
        Self { left, ..*self }
    }

    /// Takes the next `length` bytes.
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], CaptureFault> {
        let (taken, left) = self
            .left
            .split_at_checked(length)
            .ok_or(CaptureFault::Field)?;
        self.left = left;
        Ok(taken)
    }

    /// Takes the next `length` bytes and skips the padding to a multiple of four.
    pub(super) fn padded(&mut self, length: usize) -> Result<&'a [u8], CaptureFault> {
        let taken = self.take(length)?;
        self.take(padding(length))?;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CaptureFault> {
        let mut array: [u8; N] = self.take(N)?.try_into().map_err(|_| CaptureFault::Field)?;
        if self.big_endian {
            array.reverse();
        }
        Ok(array)
    }

    /// Reads 16 bits as an integer.
    pub(super) fn u16(&mut self) -> Result<u16, CaptureFault> {
        self.array().map(u16::from_le_bytes)
    }

    /// Reads 32 bits as an integer.
    pub(super) fn u32(&mut self) -> Result<u32, CaptureFault> {
        self.array().map(u32::from_le_bytes)
    }

    /// Reads 64 bits as an integer.
    pub(super) fn u64(&mut self) -> Result<u64, CaptureFault> {
        self.array().map(u64::from_le_bytes)
    }

    /// Reads the next option; `None` at the end of the options or of the block.
    pub(super) fn option(&mut self) -> Result<Option<(u16, &'a [u8])>, CaptureFault> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let (code, length) = (self.u16()?, self.u16()?);
        if code == block::END_OF_OPTIONS {
            return Ok(None);
        }
        Ok(Some((code, self.padded(usize::from(length))?)))
    }
}
