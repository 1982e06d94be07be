//! A process tree that ends with its first process: new namespaces for processes, mounts and users where needed.
//!
//! The caller goes on as PID 1 of a PID namespace (pid_namespaces(7)): when it ends, however it ends, the kernel kills
//! every process below it, also those that became daemons. The original process waits outside and ends with its status.

use std::fs;
use std::io;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getegid, geteuid, getppid};
use thiserror::Error;

/// `CAP_NET_ADMIN`, Linux `include/uapi/linux/capability.h`.
const CAP_NET_ADMIN: u32 = 12;
/// `CAP_SYS_ADMIN`, Linux `include/uapi/linux/capability.h`.
const CAP_SYS_ADMIN: u32 = 21;

/// Why a process cannot have namespaces of its own.
#[derive(Debug, Error)]
pub enum SandboxError {
    /// With the capabilities, and still refused: a seccomp profile, or a limit.
    #[error("CAP_SYS_ADMIN and CAP_NET_ADMIN are there, but the kernel or a seccomp profile refuses new namespaces (in a container: `--security-opt seccomp=unconfined`, or a profile that allows `unshare` and `setns`; on a host: user.max_net_namespaces above 0)")]
    Refused(#[source] io::Error),
    /// Without the capabilities, and user namespaces are not allowed.
    #[error("neither CAP_SYS_ADMIN with CAP_NET_ADMIN nor a user namespace can be had: run as root, or allow user namespaces (user.max_user_namespaces above 0, kernel.apparmor_restrict_unprivileged_userns = 0 on Ubuntu, kernel.unprivileged_userns_clone = 1 on old Debian; in a container also a seccomp profile that allows `unshare`)")]
    NoUserNamespace(#[source] io::Error),
    /// The user namespace was made but its users cannot be mapped.
    #[error("cannot map the user into the new user namespace")]
    Map(#[source] io::Error),
    /// Another call on the way failed.
    #[error("cannot set up the worker's process tree ({step})")]
    Step {
        /// Which call.
        step: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// How the process got its privileges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entered {
    /// It had them.
    Privileged,
    /// By a user namespace of its own, in which it is root.
    UserNamespace,
}

/// Enters new namespaces and forks; returns in the child, which is PID 1 of its own tree. Must be called while the
/// process has one thread.
///
/// # Errors
/// Which privilege or setting is missing, and how to get it.
pub fn enter() -> Result<Entered, SandboxError> {
    let starter = getppid();
    let entered = new_namespaces()?;
    let step = |step| move |error: nix::Error| SandboxError::Step { step, source: error.into() };
    // A change of credentials has cleared it (prctl(2), PR_SET_PDEATHSIG).
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(step("PR_SET_PDEATHSIG"))?;
    if getppid() != starter {
        end(1);
    }
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).map_err(step("private mounts"))?;
    match fork_single_threaded().map_err(step("fork"))? {
        ForkResult::Parent { child } => end(wait_for(child)),
        ForkResult::Child => {
            prctl::set_pdeathsig(Signal::SIGKILL).map_err(step("PR_SET_PDEATHSIG"))?;
            let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
            // A fresh one shows the new tree and has a writable /proc/sys/net, where a container's is read-only. Where it
            // is refused (proc_mount is masked in some containers) the old one serves.
            let _old_one_serves = mount(Some("proc"), "/proc", Some("proc"), flags, none);
            Ok(entered)
        }
    }
}

fn new_namespaces() -> Result<Entered, SandboxError> {
    let tree = CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS;
    if has_capabilities() {
        unshare(tree).map_err(|error| SandboxError::Refused(error.into()))?;
        return Ok(Entered::Privileged);
    }
    let (user, group) = (geteuid(), getegid());
    unshare(tree | CloneFlags::CLONE_NEWUSER).map_err(|error| SandboxError::NoUserNamespace(error.into()))?;
    // user_namespaces(7): groups are mapped by an unprivileged process only once setgroups(2) is off.
    let map = || {
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
        fs::write("/proc/self/gid_map", format!("0 {group} 1"))
    };
    map().map_err(SandboxError::Map)?;
    Ok(Entered::UserNamespace)
}

/// Whether both capabilities are effective (`CapEff` of proc_pid_status(5)).
pub fn has_capabilities() -> bool {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0);
    bits & (1 << CAP_NET_ADMIN) != 0 && bits & (1 << CAP_SYS_ADMIN) != 0
}

#[expect(unsafe_code, reason = "fork(2)")]
fn fork_single_threaded() -> nix::Result<ForkResult> {
    // SAFETY: the caller has one thread, so that no lock is held in the child.
    unsafe { fork() }
}

fn wait_for(child: Pid) -> i32 {
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, status)) => return status,
            // As a shell tells it.
            Ok(WaitStatus::Signaled(_, signal, _)) => return 128 + signal as i32,
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(_) => return 1,
        }
    }
}

/// Ends the process at once: nothing of it is to be cleaned up.
#[expect(unsafe_code, reason = "_exit(2)")]
fn end(status: i32) -> ! {
    // SAFETY: it does not return and touches no memory of ours.
    unsafe { libc::_exit(status) }
}
