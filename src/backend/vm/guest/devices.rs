//! The devices that a guest talks through: bytes in and out of ports, done within the instruction that asks for them.
//!
//! That is what keeps a run repeatable: no interrupt tells of them, nothing is in flight, and how fast the host takes or gives a
//! byte is no time of the guest's. They need no driver, so that any kernel has them.

use std::io::{self, Write};

use thiserror::Error;

use crate::sys::port_io;

/// Where what the guest tells goes: QEMU's `isa-debugcon`, whose documented port is this one. (Not 0x402, to which SeaBIOS tells its
/// own story.)
pub(crate) const EVENTS: u16 = 0xe9;
/// A second of its kind, for packets. Nothing else of a PC is at that port.
pub(crate) const PACKETS: u16 = 0xea;
/// QEMU's `pvpanic`: what is written there stops the machine at that very instruction (QEMU `docs/specs/pvpanic.txt`).
const STOP: u16 = 0x505;
/// "A panic has happened": the event that every version of QEMU knows.
const PANICKED: u8 = 1;
/// Where a file of QEMU's firmware configuration is selected, and the port after it where its bytes come from
/// (QEMU `docs/specs/fw_cfg.txt`).
const SELECT: u16 = 0x510;
const DATA: u16 = 0x511;
/// The directory of files.
const DIRECTORY: u16 = 0x19;
/// An entry of it: size, selector, reserved, name; the numbers in big-endian order.
const ENTRY: usize = 64;
/// Entries that any version of QEMU can have; more are none.
const MOST_ENTRIES: u32 = 4_096;

/// Why a guest cannot read its order.
#[derive(Debug, Error)]
pub(crate) enum DeviceError {
    /// The kernel keeps ports from user space.
    #[error(
        "cannot use I/O ports, which this kernel keeps to itself (it needs CONFIG_X86_IOPL_IOPERM)"
    )]
    Ports(#[source] io::Error),
    /// It is not there.
    #[error("there is no file `{0}` in the machine's firmware configuration")]
    NoFile(String),
}

/// What the guest tells, byte by byte.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output(pub(super) u16);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        port_io::write(self.0, bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Tells what the processor's counter says, in 8 bytes (little-endian), and stops the machine here, and at no other instruction: what is
/// made of it then is the same wherever it is made. Returns when the machine goes on.
pub(crate) fn stop_machine() -> Result<(), DeviceError> {
    port_io::write(EVENTS, &port_io::ticks().to_le_bytes()).map_err(DeviceError::Ports)?;
    port_io::write(STOP, &[PANICKED]).map_err(DeviceError::Ports)
}

/// A file that the machine was started with, whole; `None` where there is no such file.
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
