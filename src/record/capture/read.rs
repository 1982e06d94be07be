//! Reads a capture in either byte order. Unknown blocks are skipped, and the file may be truncated anywhere.

use std::io::{self, BufReader, Read};
use std::path::Path;

use thiserror::Error;

use super::block;
use super::stream::{BlockFields, BlockRead, BlockReader};
use super::{Capture, Direction, LinkEnd, Stored};
use crate::input_file;
use crate::names::{IfName, NodeName};

/// Limit on the packet bytes that are read. A run's own capture has at most a sixteenth of it.
const MOST_BYTES: usize = 1 << 30;
/// The reason why something cannot be read as a capture. Completes "cannot read the capture: cannot ...".
#[derive(Debug, Error)]
pub enum CaptureReadError {
    /// The file cannot be opened.
    #[error("open it")]
    Open(#[source] io::Error),
    /// The stream cannot be read.
    #[error("read it")]
    Input(#[source] io::Error),
    /// The stream is empty.
    #[error("read it: it is empty")]
    Empty,
    /// The stream is not a pcapng file.
    #[error("recognise it: it is not a pcapng file")]
    NotACapture,
    /// The stream is in the older pcap format.
    #[error("read the old pcap format, only pcapng; convert it with `tshark -r FILE -w NEW`")]
    OldFormat,
    /// A block is malformed.
    #[error("parse the block at byte {at}")]
    Corrupt {
        /// Offset of the block in bytes.
        at: u64,
        /// The fault in the block.
        source: CaptureFault,
    },
    /// The capture is too large.
    #[error("hold more than {} MiB of packets", MOST_BYTES >> 20)]
    TooLarge,
}

/// A fault in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CaptureFault {
    /// The length is not valid for a block.
    #[error("invalid block length: {0}")]
    Length(u32),
    /// The lengths at the start and at the end of the block differ.
    #[error("the block length is {0} at its start and {1} at its end")]
    Lengths(u32, u32),
    /// The byte-order magic of a section is invalid.
    #[error("invalid byte order of the section")]
    ByteOrder,
    /// The section has an unsupported version.
    #[error("unsupported pcapng version {0}; only version 1 is supported")]
    Version(u16),
    /// A field or an option extends past the end of its block.
    #[error("a field extends past the end of the block")]
    Field,
    /// A packet refers to an interface that has not been described.
    #[error("the capture does not describe interface {0}")]
    Interface(u32),
}

impl Capture {
    /// Reads a capture from a file.
    ///
    /// # Errors
    /// The errors of [`Capture::parse`], and [`CaptureReadError::Open`].
    pub fn read(path: &Path) -> Result<Self, CaptureReadError> {
        let file = input_file::open(path).map_err(CaptureReadError::Open)?;
        Self::parse(BufReader::new(file))
    }

    /// Reads a capture from a stream. A truncated capture is read as far as it goes.
    ///
    /// # Errors
    /// If the stream cannot be read, is not pcapng, or has a malformed block; the error gives the block's offset.
    pub fn parse(input: impl Read) -> Result<Self, CaptureReadError> {
        let mut reader = BlockReader::new(input);
        let mut capture = Self::default();
        let mut scales = Vec::new();
        // Interface numbers start again in each section.
        let mut section = 0;
        loop {
            let at = reader.at();
            let (kind, body) = match reader.next_block()? {
                BlockRead::Whole { kind, body } => (kind, body),
                BlockRead::CutOff => {
                    capture.ends_early = true;
                    break;
                }
                BlockRead::None if at == 0 => return Err(CaptureReadError::Empty),
                BlockRead::None => break,
            };
            let added = match kind {
                block::SECTION => {
                    section = capture.interfaces.len();
                    capture.add_section(body)
                }
                block::INTERFACE => capture.add_interface(body).map(|scale| scales.push(scale)),
                block::PACKET => capture.add_packet(body, section, &scales),
                block::STATISTICS => capture.add_statistics(body, section, &scales),
                _ => Ok(()),
            };
            added.map_err(|source| CaptureReadError::Corrupt { at, source })?;
            if capture.bytes.len() > MOST_BYTES {
                return Err(CaptureReadError::TooLarge);
            }
        }
        capture.packets.sort_by_key(|packet| packet.time);
        let last = capture.packets.last().map_or(0, |packet| packet.time);
        capture.ended = capture.ended.max(last);
        Ok(capture)
    }

    fn add_section(&mut self, mut body: BlockFields<'_>) -> Result<(), CaptureFault> {
        // Byte order and version have been checked; the length is not needed.
        body.take(16)?;
        while let Some((code, value)) = body.option()? {
            let text = String::from_utf8_lossy(value);
            if code != block::COMMENT {
            } else if let Some(run) = text.strip_prefix(block::RUN) {
                self.run.get_or_insert_with(|| run.to_owned());
            } else if let Some(zero) = text.strip_prefix(block::CLOCK_ZERO) {
                self.clock_zero = self.clock_zero.or_else(|| parse_seconds(zero));
            }
        }
        Ok(())
    }

    fn add_interface(&mut self, mut body: BlockFields<'_>) -> Result<TimestampScale, CaptureFault> {
        let link_type = body.u16()?;
        body.take(6)?;
        let mut end = None;
        let mut scale = TimestampScale::default();
        while let Some((code, value)) = body.option()? {
            match (code, value) {
                (block::INTERFACE_NAME, name) => end = link_end(name),
                (block::INTERFACE_RESOLUTION, [resolution, ..]) => scale.resolution = *resolution,
                (block::INTERFACE_OFFSET, _) => {
                    scale.offset = body.within(value).u64()?.cast_signed();
                }
                _ => {}
            }
        }
        self.interfaces
            .push(end.filter(|_| link_type == block::ETHERNET));
        Ok(scale)
    }

    fn add_packet(
        &mut self,
        mut body: BlockFields<'_>,
        section: usize,
        scales: &[TimestampScale],
    ) -> Result<(), CaptureFault> {
        let number = body.u32()?;
        let interface = section.saturating_add(number as usize);
        let scale = scales
            .get(interface)
            .ok_or(CaptureFault::Interface(number))?;
        let time = scale.nanoseconds(u64::from(body.u32()?) << 32 | u64::from(body.u32()?));
        let (kept, length) = (body.u32()?, body.u32()?);
        let bytes = body.padded(kept as usize)?;
        let mut direction = None;
        while let Some((code, value)) = body.option()? {
            if code == block::PACKET_FLAGS {
                direction = match body.within(value).u32()? & 0b11 {
                    block::INBOUND => Some(Direction::Inbound),
                    block::OUTBOUND => Some(Direction::Outbound),
                    _ => None,
                };
            }
        }
        let at = u32::try_from(self.bytes.len()).map_err(|_| CaptureFault::Field)?;
        self.bytes.extend_from_slice(bytes);
        self.packets.push(Stored {
            time,
            // Every interface needed a block of its own, so there are not that many.
            interface: u32::try_from(interface).unwrap_or(u32::MAX),
            length,
            at,
            kept,
            direction,
        });
        Ok(())
    }

    fn add_statistics(
        &mut self,
        mut body: BlockFields<'_>,
        section: usize,
        scales: &[TimestampScale],
    ) -> Result<(), CaptureFault> {
        let number = body.u32()?;
        let interface = section.saturating_add(number as usize);
        let scale = scales
            .get(interface)
            .ok_or(CaptureFault::Interface(number))?;
        body.take(8)?;
        while let Some((code, value)) = body.option()? {
            match code {
                block::STATISTICS_END => {
                    let mut value = body.within(value);
                    let time = u64::from(value.u32()?) << 32 | u64::from(value.u32()?);
                    self.ended = self.ended.max(scale.nanoseconds(time));
                }
                block::STATISTICS_DROPPED => {
                    let dropped = body.within(value).u64()?;
                    self.dropped = self.dropped.saturating_add(dropped);
                }
                block::COMMENT if value.starts_with(block::REACHED_BOUND.as_bytes()) => {
                    self.ends_early = true;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Parses a name such as `nat:eth1`.
fn link_end(name: &[u8]) -> Option<LinkEnd> {
    let (node, interface) = std::str::from_utf8(name).ok()?.split_once(':')?;
    Some(LinkEnd {
        node: NodeName::new(node),
        interface: IfName::new(interface),
    })
}

/// Parses seconds with nine decimals and returns nanoseconds.
fn parse_seconds(text: &str) -> Option<u64> {
    let (seconds, nanos) = text.split_once('.')?;
    let seconds: u64 = seconds.parse().ok()?;
    let nanos: u64 = (nanos.len() == 9).then(|| nanos.parse().ok())??;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// The unit and offset of an interface's times.
#[derive(Debug, Clone, Copy)]
struct TimestampScale {
    resolution: u8,
    offset: i64,
}

impl Default for TimestampScale {
    /// Microseconds, the default of the format.
    fn default() -> Self {
        Self {
            resolution: 6,
            offset: 0,
        }
    }
}

impl TimestampScale {
    /// Converts a time of this interface to nanoseconds since 1970, saturating at the limits.
    fn nanoseconds(self, time: u64) -> u64 {
        let power = u32::from(self.resolution & 0x7f);
        let base: u128 = if self.resolution & 0x80 == 0 { 10 } else { 2 };
        let nanos = match base.checked_pow(power) {
            Some(ticks) => u128::from(time) * 1_000_000_000 / ticks,
            None => 0,
        };
        let nanos = i128::try_from(nanos).unwrap_or(i128::MAX);
        let nanos = nanos.saturating_add(i128::from(self.offset) * 1_000_000_000);
        u64::try_from(nanos.max(0)).unwrap_or(u64::MAX)
    }
}
