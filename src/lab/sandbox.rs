//! The sandbox of a worker: the privileges to build a lab, and an end that cleans up everything.

use crate::record::Privileges;
use crate::sys::process::{prefer_oom_kill, survive_file_size_limit};
use crate::sys::sandbox::{self, SandboxOptions};

pub use crate::sys::sandbox::SandboxError;

/// The process that this is after entering a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entered {
    /// The process inside, which continues with these privileges.
    Inside(Privileges),
    /// A process outside, after the one inside has ended; it must exit with this code.
    Finished(u8),
}

/// Enters a sandbox ([`sandbox::enter`]). The process must have only one thread.
///
/// # Errors
/// The error names the missing privilege or setting, and a remedy.
pub fn enter() -> Result<Entered, SandboxError> {
    // If memory runs out, the lab has taken it; the supervisor must survive to report that.
    prefer_oom_kill();
    survive_file_size_limit();
    Ok(match sandbox::enter(SandboxOptions::default())? {
        sandbox::SandboxProcess::Inside(inside) if inside.rootless => {
            Entered::Inside(Privileges::Rootless)
        }
        sandbox::SandboxProcess::Inside(_) => Entered::Inside(Privileges::Root),
        sandbox::SandboxProcess::Finished(code) => Entered::Finished(code),
    })
}
