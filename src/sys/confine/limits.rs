//! Limits of a confined program. They apply to each process of it.
//!
//! Not here: limits of all its processes together, which would need a control group. A control group has a name in
//! the file system and outlives a SIGKILL of whoever made it, and nslab leaves nothing behind.

use std::io;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::sysinfo::sysinfo;

/// Processes and threads of the program's user. Apache's largest model has a few hundred.
const PROCESSES: u64 = 4_096;
/// Locked memory: the kernel's default (`MLOCK_LIMIT`, Linux `include/uapi/linux/resource.h`).
const LOCKED: u64 = 8 * 1024 * 1024;
/// Bytes of private memory that every program may have, even on a small machine.
const LEAST_MEMORY: u64 = 256 * 1024 * 1024;

/// The limits, prepared for a process that may not allocate memory.
#[derive(Debug)]
pub(super) struct ProgramLimits([(Resource, u64); 6]);

impl ProgramLimits {
    /// Chooses limits for the memory of this machine, none above what this process may set.
    pub(super) fn of_this_machine() -> io::Result<Self> {
        let half = sysinfo()?.ram_total() / 2;
        let mut limits = [
            (Resource::RLIMIT_DATA, half.max(LEAST_MEMORY)),
            (Resource::RLIMIT_NPROC, PROCESSES),
            (Resource::RLIMIT_MEMLOCK, LOCKED),
            // No priority above that of an ordinary program, and no core files, which the host's handler would get.
            (Resource::RLIMIT_RTPRIO, 0),
            (Resource::RLIMIT_NICE, 0),
            (Resource::RLIMIT_CORE, 0),
        ];
        for (resource, limit) in &mut limits {
            let (_, hard) = getrlimit(*resource)?;
            *limit = (*limit).min(hard);
        }
        Ok(Self(limits))
    }

    /// Sets the limits of the calling process. Makes system calls only.
    #[expect(unsafe_code, reason = "setrlimit(2) for a resource by number")]
    pub(super) fn apply(&self) -> io::Result<()> {
        for (resource, limit) in &self.0 {
            let bound = libc::rlimit {
                rlim_cur: *limit,
                rlim_max: *limit,
            };
            // SAFETY: the call reads the structure.
            Errno::result(unsafe { libc::setrlimit(*resource as _, &raw const bound) })?;
        }
        Ok(())
    }
}
