//! Child processes with limits, in process groups of their own, which die with their parent thread.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::OnceLock;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigHandler, Signal, killpg, signal};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use super::confine::Confinement;
use super::lifeline::die_with_parent;

/// `OOM_SCORE_ADJ_MAX` (Linux `include/uapi/linux/oom.h`).
const OOM_SCORE_ADJ_MAX: &str = "1000";

/// Soft and hard limit of descriptors (`RLIMIT_NOFILE`, getrlimit(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NofileLimit {
    /// The limit that applies.
    pub soft: u64,
    /// The value up to which a process may raise the soft limit.
    pub hard: u64,
}

/// Spawns a child in its own process group and with a descriptor limit. It gets SIGKILL when the *calling
/// thread* ends (`PR_SET_PDEATHSIG`, prctl(2)), and inherits the calling thread's namespaces.
///
/// # Errors
/// The errors of fork(2) and execve(2); EPERM if the limit is above the hard limit.
pub fn spawn_bounded(command: &mut Command, nofile: NofileLimit) -> io::Result<Child> {
    bound(command, nofile);
    command.spawn()
}

/// Spawns a child as [`spawn_bounded`] does, inside a boundary that the calling thread has entered.
///
/// # Errors
/// Those of [`spawn_bounded`], and the errors of the system calls that make up the boundary.
pub fn spawn_confined(
    command: &mut Command,
    nofile: NofileLimit,
    confinement: Confinement,
) -> io::Result<Child> {
    bound(command, nofile);
    confinement.surround(command);
    command.spawn()
}

fn bound(command: &mut Command, nofile: NofileLimit) {
    command.process_group(0);
    die_with_parent(command);
    limit_nofile(command, nofile);
}

/// Kills a child's process group. Call this before the child is reaped, so that its number has not been reused.
pub fn kill_group(child: &Child) {
    if let Ok(leader) = i32::try_from(child.id()) {
        let _gone_already = killpg(Pid::from_raw(leader), Signal::SIGKILL);
    }
}

/// Waits until a child of this process has ended, without reaping it.
///
/// # Errors
/// ECHILD if there is no such child.
pub fn wait_ended(child: u32) -> io::Result<()> {
    let child = Pid::from_raw(i32::try_from(child).map_err(io::Error::other)?);
    loop {
        match waitid(Id::Pid(child), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
            Err(nix::Error::EINTR) => {}
            other => return Ok(other.map(drop)?),
        }
    }
}

/// Raises this process's soft descriptor limit to the hard limit. Returns the limits before
/// the first call (getrlimit(2)).
///
/// # Errors
/// The errors of setrlimit(2).
pub fn raise_nofile() -> io::Result<NofileLimit> {
    static AT_FIRST: OnceLock<NofileLimit> = OnceLock::new();
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let at_first = *AT_FIRST.get_or_init(|| NofileLimit { soft, hard });
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(at_first)
}

/// Makes the kernel prefer this process and its children when it kills processes because memory has run out
/// (`oom_score_adj`, proc(5)). This needs no privilege; if `/proc` cannot be written, nothing changes.
pub fn prefer_oom_kill() {
    let _as_before = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE_ADJ_MAX);
}

/// Makes writing beyond the limit of file sizes an error (EFBIG, setrlimit(2)), where it would end this process.
#[expect(unsafe_code, reason = "signal(2) may install any function")]
pub fn survive_file_size_limit() {
    // SAFETY: no handler is installed; the signal is ignored.
    let _cannot_fail = unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
}

/// Makes a child start with this descriptor limit.
#[expect(unsafe_code, reason = "runs in the child between fork and exec")]
pub fn limit_nofile(command: &mut Command, nofile: NofileLimit) {
    // SAFETY: between fork and exec only setrlimit(2) is called, which takes no locks and allocates no memory.
    unsafe {
        command.pre_exec(move || {
            Ok(setrlimit(
                Resource::RLIMIT_NOFILE,
                nofile.soft,
                nofile.hard,
            )?)
        });
    }
}
