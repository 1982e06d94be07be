//! Unnamed files in memory, which disappear with the last process that holds them (memfd_create(2)).

use std::fs::File;
use std::io::{self, Seek, Write};

use nix::sys::memfd::{MFdFlags, memfd_create};

/// Creates a file with these contents, positioned at its start.
///
/// # Errors
/// The errors of memfd_create(2) and write(2).
pub fn memory_file(name: &str, bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create(name, MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}
