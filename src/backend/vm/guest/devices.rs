//! A guest's devices for input and output: bytes in and out of ports, transferred within the instruction
//! that accesses the port.
//!
//! That keeps a run repeatable: there are no interrupts, nothing is in flight, and the host's speed takes none of
//! the guest's time. The devices need no driver, so any kernel has them.

use std::io::{self, Write};

use thiserror::Error;

use crate::sys::port_io;

/// The port for events: QEMU's `isa-debugcon`, at its documented port. (Not 0x402, to which
/// SeaBIOS writes its log.)
pub(crate) const EVENTS: u16 = 0xe9;
/// The port for packets: a second `isa-debugcon`. Nothing else of a PC uses this port.
pub(crate) const PACKETS: u16 = 0xea;
/// QEMU's `pvpanic`: a write stops the machine at that very instruction (QEMU `docs/specs/pvpanic.txt`).
const STOP: u16 = 0x505;
/// The event for a panic, which every version of QEMU supports.
const PANICKED: u8 = 1;
/// The port that selects a file of QEMU's firmware configuration, and the port from which its bytes
/// are read (QEMU `docs/specs/fw_cfg.txt`).
const SELECT: u16 = 0x510;
const DATA: u16 = 0x511;
/// The selector of the directory of files.
const DIRECTORY: u16 = 0x19;
/// Bytes of a directory entry: size, selector, reserved, name; numbers are big-endian.
const ENTRY: usize = 64;
/// Maximum number of directory entries of any version of QEMU.
const MOST_ENTRIES: u32 = 4_096;

/// An error in using the devices.
#[derive(Debug, Error)]
pub(crate) enum DeviceError {
    #[error(
        "cannot use I/O ports: this kernel does not allow it (CONFIG_X86_IOPL_IOPERM is missing)"
    )]
    Ports(#[source] io::Error),
    #[error("the machine's firmware configuration has no file `{0}`")]
    NoFile(String),
}

/// Writes bytes to a port, one at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PortWriter(pub(super) u16);

impl Write for PortWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        port_io::write(self.0, bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends the processor's counter in 8 bytes (little-endian) and stops the machine at exactly this instruction, so
/// that its saved state is the same wherever it is made. Returns when the machine continues.
pub(crate) fn stop_machine() -> Result<(), DeviceError> {
    port_io::write(EVENTS, &port_io::ticks().to_le_bytes()).map_err(DeviceError::Ports)?;
    port_io::write(STOP, &[PANICKED]).map_err(DeviceError::Ports)
}

/// Returns the contents of a file that the machine was started with, or `None` if there is no such file.
pub(crate) fn file(name: &str) -> Result<Option<Vec<u8>>, DeviceError> {
    let Some((selector, size)) = find(name).map_err(DeviceError::Ports)? else {
        return Ok(None);
    };
    let mut bytes = vec![0; size as usize];
    select(selector, &mut bytes).map_err(DeviceError::Ports)?;
    Ok(Some(bytes))
}

fn find(name: &str) -> io::Result<Option<(u16, u32)>> {
    let mut count = [0; 4];
    select(DIRECTORY, &mut count)?;
    for _ in 0..u32::from_be_bytes(count).min(MOST_ENTRIES) {
        let mut entry = [0; ENTRY];
        port_io::read(DATA, &mut entry)?;
        let [s0, s1, s2, s3, k0, k1, _, _, named @ ..] = entry;
        let end = named.iter().position(|byte| *byte == 0);
        if named.get(..end.unwrap_or(named.len())) == Some(name.as_bytes()) {
            return Ok(Some((
                u16::from_be_bytes([k0, k1]),
                u32::from_be_bytes([s0, s1, s2, s3]),
            )));
        }
    }
    Ok(None)
}

fn select(selector: u16, bytes: &mut [u8]) -> io::Result<()> {
    port_io::write_word(SELECT, selector)?;
    port_io::read(DATA, bytes)
}
