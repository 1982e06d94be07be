//! Writes a capture block by block. Each block is complete in itself, so a truncated file is readable up to that point.

use std::io::{self, Write};

use super::block::{self, padding};
use super::{CaptureHeader, CapturedPacket, Direction};

/// A comment for people who open the file elsewhere.
const REMARK: &str = "Packets are recorded as the kernel passes them to a link: \
                      a segment may exceed the MTU, and its TCP checksum may be incomplete \
                      (segmentation and checksum offload). Only the first bytes of each packet are kept.";

/// Writes a capture to an output.
#[derive(Debug)]
pub struct CaptureWriter<W> {
    output: W,
    block: Vec<u8>,
    written: u64,
}

impl<W: Write> CaptureWriter<W> {
    /// Starts a capture: writes what is known before the first packet.
    ///
    /// # Errors
    /// The errors of the output, here and below.
    pub fn begin(output: W, header: &CaptureHeader) -> io::Result<Self> {
        let block = Vec::with_capacity(512);
        let mut writer = Self {
            output,
            block,
            written: 0,
        };
        writer.section(header)?;
        for (end, description) in &header.interfaces {
            writer.interface(&end.to_string(), description, header.snap)?;
        }
        Ok(writer)
    }

    /// Returns the number of bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Adds a packet.
    ///
    /// # Errors
    /// The errors of the output.
    pub fn packet(&mut self, packet: &CapturedPacket<'_>) -> io::Result<()> {
        self.start(block::PACKET);
        self.u32(number(packet.interface));
        self.time(packet.time);
        self.u32(number(packet.bytes.len()));
        self.u32(packet.length);
        self.padded(packet.bytes);
        if let Some(direction) = packet.direction {
            let flags = match direction {
                Direction::Inbound => block::INBOUND,
                Direction::Outbound => block::OUTBOUND,
            };
            self.option(block::PACKET_FLAGS, &flags.to_le_bytes());
            self.end_options();
        }
        self.finish()
    }

    /// Ends the capture at one of its interfaces. `end` is the time, followed by the number of packets in total and the
    /// number of those that were not captured in time. `bound` explains why the capture ends before the run, if it
    /// does.
    ///
    /// # Errors
    /// The errors of the output.
    pub fn statistics(
        &mut self,
        interface: usize,
        end: u64,
        [received, dropped]: [u64; 2],
        bound: Option<&str>,
    ) -> io::Result<()> {
        self.start(block::STATISTICS);
        self.u32(number(interface));
        self.time(end);
        if let Some(bound) = bound {
            self.text(block::COMMENT, &format!("{}{bound}", block::REACHED_BOUND));
        }
        let [high, low] = halves(end);
        let end = [high.to_le_bytes(), low.to_le_bytes()].concat();
        self.option(block::STATISTICS_END, &end);
        self.option(block::STATISTICS_RECEIVED, &received.to_le_bytes());
        self.option(block::STATISTICS_DROPPED, &dropped.to_le_bytes());
        self.end_options();
        self.finish()
    }

    /// Flushes the output.
    ///
    /// # Errors
    /// The errors of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    fn section(&mut self, header: &CaptureHeader) -> io::Result<()> {
        self.start(block::SECTION);
        self.u32(block::BYTE_ORDER);
        self.u16(block::MAJOR);
        self.u16(0);
        // The section's length is not known.
        self.block.extend_from_slice(&(-1_i64).to_le_bytes());
        self.text(block::COMMENT, &format!("{}{}", block::RUN, header.run));
        let (seconds, nanos) = (
            header.clock_zero / 1_000_000_000,
            header.clock_zero % 1_000_000_000,
        );
        self.text(
            block::COMMENT,
            &format!("{}{seconds}.{nanos:09}", block::CLOCK_ZERO),
        );
        self.text(block::COMMENT, REMARK);
        self.text(block::SECTION_OS, "Linux");
        self.text(
            block::SECTION_PROGRAM,
            concat!("nslab ", env!("CARGO_PKG_VERSION")),
        );
        self.end_options();
        self.finish()
    }

    fn interface(&mut self, name: &str, description: &str, snap: u32) -> io::Result<()> {
        self.start(block::INTERFACE);
        self.u16(block::ETHERNET);
        self.u16(0);
        self.u32(snap);
        self.text(block::INTERFACE_NAME, name);
        self.text(block::INTERFACE_DESCRIPTION, description);
        self.option(block::INTERFACE_RESOLUTION, &[9]);
        self.end_options();
        self.finish()
    }

    fn start(&mut self, kind: u32) {
        self.block.clear();
        self.u32(kind);
        // The length is filled in when it is known.
        self.u32(0);
    }

    fn finish(&mut self) -> io::Result<()> {
        let length = number(self.block.len() + 4);
        self.u32(length);
        self.block[4..8].copy_from_slice(&length.to_le_bytes());
        self.output.write_all(&self.block)?;
        self.written += u64::from(length);
        Ok(())
    }

    fn text(&mut self, code: u16, text: &str) {
        self.option(code, text.as_bytes());
    }

    /// Writes an option; a value longer than 65,535 bytes is truncated.
    fn option(&mut self, code: u16, value: &[u8]) {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.u16(code);
        self.u16(length);
        self.padded(&value[..usize::from(length)]);
    }

    fn end_options(&mut self) {
        self.u16(block::END_OF_OPTIONS);
        self.u16(0);
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.block.extend_from_slice(bytes);
        let zeroes = padding(bytes.len());
        self.block.resize(self.block.len() + zeroes, 0);
    }

    fn time(&mut self, time: u64) {
        let [high, low] = halves(time);
        self.u32(high);
        self.u32(low);
    }

    fn u16(&mut self, value: u16) {
        self.block.extend_from_slice(&value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.block.extend_from_slice(&value.to_le_bytes());
    }
}

/// Returns the upper and the lower 32 bits of a time.
fn halves(time: u64) -> [u32; 2] {
    [(time >> 32) as u32, time as u32]
}

/// Converts a count to 32 bits, saturating. Our blocks stay far below the limit.
fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
