//! The sandbox of a worker: the privileges to build a lab, and an end that cleans up everything.

use crate::record::Privileges;
use crate::sys::confine::Capability;
use crate::sys::process::{prefer_oom_kill, survive_file_size_limit};
use crate::sys::sandbox::{self, SandboxOptions};

pub use crate::sys::sandbox::SandboxError;

/// The capabilities that labs, traffic and probes use, by their names in capabilities(7). A lab is never finished:
/// steps and commands enter namespaces, mount and change links until its end. To find these, shipped scenarios were
/// run without each capability in turn. Without some of these they pass too, but more slowly or with fewer details.
const NEEDED: [Capability; 15] = [
    Capability(0),  // CHOWN: a program owns its files
    Capability(2),  // DAC_READ_SEARCH: the descriptors of a process of another user
    Capability(5),  // KILL: signals to programs, which run as another user
    Capability(6),  // SETGID: starts programs as another user
    Capability(7),  // SETUID
    Capability(8),  // SETPCAP: bounds the capabilities of programs
    Capability(10), // NET_BIND_SERVICE
    Capability(12), // NET_ADMIN
    Capability(13), // NET_RAW: wires and captures
    Capability(19), // SYS_PTRACE: names the process that holds a port
    Capability(21), // SYS_ADMIN: namespaces, mounts, the kernel's trace
    Capability(23), // SYS_NICE: the threads of wires
    Capability(24), // SYS_RESOURCE: limits of nodes
    Capability(31), // SETFCAP: rootless programs map users
    Capability(34), // SYSLOG: the kernel's log
];

/// The process that this is after entering a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entered {
    /// The process inside, which continues with these privileges.
    Inside(Privileges),
    /// A process outside, after the one inside has ended; it must exit with this code.
    Finished(u8),
}

/// Enters a sandbox ([`sandbox::enter`]), and gives up every capability that labs do not need, except these by number,
/// which the programs of the scenario have. The process must have only one thread.
///
/// # Errors
/// The error names the missing privilege or setting, and a remedy.
pub fn enter(programs: impl Iterator<Item = u8>) -> Result<Entered, SandboxError> {
    // If memory runs out, the lab has taken it; the supervisor must survive to report that.
    prefer_oom_kill();
    survive_file_size_limit();
    let kept = NEEDED.into_iter().chain(programs.map(Capability));
    let options = SandboxOptions {
        keep: Some(kept.fold(0, |bits, one| bits | one.bit())),
        ..SandboxOptions::default()
    };
    Ok(match sandbox::enter(options)? {
        sandbox::SandboxProcess::Inside(inside) if inside.rootless => {
            Entered::Inside(Privileges::Rootless)
        }
        sandbox::SandboxProcess::Inside(_) => Entered::Inside(Privileges::Root),
        sandbox::SandboxProcess::Finished(code) => Entered::Finished(code),
    })
}
