//! Files in memory, without a name: they go with the last process that holds them (memfd_create(2)).

use std::fs::File;
use std::io::{self, Seek, Write};

use nix::sys::memfd::{MFdFlags, memfd_create};

/// A file that holds these bytes, to be read from its start.
///
/// # Errors
/// Those of memfd_create(2) and write(2).
pub fn memory_file(name: &str, bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create(name, MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}
