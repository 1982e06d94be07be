//! This machine: the release of its kernel and its memory.

use crate::sys::procfs::total_memory;
use crate::sysctls::Machine;

/// Returns this machine, for the defaults of its kernel.
pub fn machine() -> Option<Machine> {
    let release = nix::sys::utsname::uname().ok()?;
    Some(Machine {
        kernel: release.release().to_str()?.parse().ok()?,
        memory: total_memory().ok()?,
    })
}
