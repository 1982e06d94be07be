//! How a worker gets the privileges of a lab, and its certain end.

use crate::record::Privileges;
use crate::sys::process::prefer_oom_kill;
use crate::sys::sandbox::{self, SandboxOptions};

pub use crate::sys::sandbox::SandboxError;

/// Which process this is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entered {
    /// The one inside, which goes on with these privileges.
    Inside(Privileges),
    /// One outside, after the one inside has ended: it is to exit with this code.
    Finished(u8),
}

/// Enters a process tree of the worker's own, as [`sandbox::enter`] does it. To be called while the process has one thread.
///
/// # Errors
/// Which privilege or setting is missing, and how to get it.
pub fn enter() -> Result<Entered, SandboxError> {
    // Where memory runs out it is the lab that took it, and whoever supervises it is to tell.
    prefer_oom_kill();
    Ok(match sandbox::enter(SandboxOptions::default())? {
        sandbox::SandboxProcess::Inside(inside) if inside.rootless => {
            Entered::Inside(Privileges::Rootless)
        }
        sandbox::SandboxProcess::Inside(_) => Entered::Inside(Privileges::Root),
        sandbox::SandboxProcess::Finished(code) => Entered::Finished(code),
    })
}
