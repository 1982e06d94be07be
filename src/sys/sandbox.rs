//! Sandboxes for processes: namespaces of their own, and parent processes whose end also ends them.
//!
//! [`enter`] turns one process into three. The kernel kills each of them when the one before it dies for any reason:
//!
//! ```text
//! the caller: waits           PID 1 of a new PID namespace: reaps       PID 2: continues
//! ```
//!
//! When PID 1 ends, the kernel kills everything in its PID namespace, including daemons (pid_namespaces(7)).
//! The network and mount namespaces are new as well. The init of a virtual machine needs none of this: it
//! ends with the machine.

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, close, fork, getgid, getppid, getuid, pipe};
use thiserror::Error;

use super::confine::keep_only;
use super::sysctl::{Key, SysctlError, Sysctls};

/// `CAP_NET_ADMIN` and `CAP_SYS_ADMIN` (Linux `include/uapi/linux/capability.h`).
const NEEDED: u64 = 1 << 12 | 1 << 21;
/// `CAP_NET_BIND_SERVICE` (the same file).
const NET_BIND_SERVICE: u64 = 1 << 10;
/// A setting that each network namespace has separately and that its owner may write.
const PROBE_KEY: &str = "net.ipv4.ip_forward";

/// The kind of sandbox to create.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SandboxOptions {
    /// True to create a user namespace even if this process has the privileges already.
    pub rootless: bool,
    /// The process that started this one, if known. If it has ended, this process ends too.
    pub parent: Option<u32>,
    /// The capabilities to keep, as bits; all if absent.
    pub keep: Option<u64>,
}

/// The process that this is after entering a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxProcess {
    /// The process inside, which continues.
    Inside(SandboxInfo),
    /// A process outside, after the one inside has ended. It must exit with this code (128 plus the
    /// number of a signal).
    Finished(u8),
}

/// The properties of the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxInfo {
    /// True if it has a user namespace of its own.
    pub rootless: bool,
    /// True if `/proc` belongs to the new PID namespace; otherwise it is still the outer one.
    pub fresh_proc: bool,
}

/// An error of creating a sandbox.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the names say it")]
pub enum SandboxError {
    /// A user namespace cannot be created.
    #[error("cannot create a user namespace: {}", user_namespace_hint(.0))]
    User(#[source] io::Error),
    /// The user namespace gives no privileges.
    #[error("cannot become root in a user namespace: {}", map_hint(*.was_root, .source))]
    Map {
        /// True if the caller was root already, but lacked the capabilities of root.
        was_root: bool,
        #[source]
        source: io::Error,
    },
    /// The other namespaces cannot be created.
    #[error("cannot create namespaces for network, processes and mounts: {}", hint(*.rootless, .source))]
    Namespaces {
        /// True if the sandbox has a user namespace of its own.
        rootless: bool,
        #[source]
        source: io::Error,
    },
    /// Mounts cannot be separated from the host's.
    #[error(
        "cannot make mounts private; in a container: docker run --security-opt seccomp=unconfined \
         --security-opt apparmor=unconfined"
    )]
    Mounts(#[source] io::Error),
    /// The settings of the new network namespace cannot be written.
    #[error(
        "cannot write the settings of a new network namespace below /proc/sys/net; in a container: run it \
         with --privileged, or with --security-opt systempaths=unconfined"
    )]
    Settings(#[source] SysctlError),
    /// A process cannot be created or tied to its parent.
    #[error("cannot create the processes of the sandbox")]
    Process(#[source] io::Error),
    /// Capabilities that are not needed cannot be given up.
    #[error("cannot give up capabilities that the lab does not need")]
    Capabilities(#[source] io::Error),
    #[error("the process that started this one is gone")]
    Orphaned,
}

/// Returns whether this process has CAP_NET_ADMIN and CAP_SYS_ADMIN, which creating and filling namespaces needs.
pub fn is_privileged() -> bool {
    has(NEEDED)
}

/// Returns whether this process may bind to ports below `net.ipv4.ip_unprivileged_port_start` (CAP_NET_BIND_SERVICE).
/// Root may lack this in a container that drops every capability that nslab does not require.
pub fn may_bind_low_ports() -> bool {
    has(NET_BIND_SERVICE)
}

fn has(wanted: u64) -> bool {
    let effective = || {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|l| l.strip_prefix("CapEff:"))?;
        u64::from_str_radix(line.trim(), 16).ok()
    };
    effective().is_some_and(|capabilities| capabilities & wanted == wanted)
}

/// Returns whether this process is in a user namespace other than the initial one, which
/// maps all ids (user_namespaces(7)).
pub fn in_user_namespace() -> bool {
    fs::read_to_string("/proc/self/uid_map")
        .is_ok_and(|map| map.split_whitespace().ne(["0", "0", "4294967295"]))
}

/// Enters a sandbox. This must be called at the very start, while the process has only one thread.
///
/// The processes outside close standard input and output. They ignore SIGINT, so that the one inside can
/// handle Ctrl-C in its own way. Each is killed when the *thread* that created it ends (`PR_SET_PDEATHSIG`),
/// so the caller should be started from a thread that stays.
///
/// # Errors
/// Each error names the missing privilege or setting, and a remedy.
pub fn enter(wanted: SandboxOptions) -> Result<SandboxProcess, SandboxError> {
    let rootless = wanted.rootless || !is_privileged();
    isolate(rootless)?;
    if let Some(kept) = wanted.keep {
        keep_only(kept).map_err(SandboxError::Capabilities)?;
    }
    die_with_parent()?;
    if wanted.parent.is_some_and(|parent| {
        u32::try_from(getppid().as_raw()).is_ok_and(|now| now != 0 && now != parent)
    }) {
        return Err(SandboxError::Orphaned);
    }
    for is_init in [true, false] {
        if let Some(child) = fork_bound()? {
            return Ok(SandboxProcess::Finished(wait_for(child)));
        }
        if is_init {
            private_mounts()?;
        }
    }
    let fresh_proc = mount_proc();
    check_settings()?;
    Ok(SandboxProcess::Inside(SandboxInfo {
        rootless,
        fresh_proc,
    }))
}

/// Gives this process, which must have one thread, new namespaces: network, mounts, and processes for its
/// children. If `rootless`, it also gets a user namespace in which it is root.
///
/// # Errors
/// The same as for [`enter`].
pub fn isolate(rootless: bool) -> Result<(), SandboxError> {
    if rootless {
        become_root()?;
    }
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNET).map_err(
        |errno| SandboxError::Namespaces {
            rootless,
            source: errno.into(),
        },
    )
}

/// Creates a user namespace that maps the caller to root (user_namespaces(7)).
fn become_root() -> Result<(), SandboxError> {
    let (uid, gid) = (getuid(), getgid());
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|errno| SandboxError::User(errno.into()))?;
    // Without privileges a group map is accepted only after giving up setgroups(2); the file is new in Linux 3.19.
    let _before_3_19 = fs::write("/proc/self/setgroups", "deny");
    let refused = |source| SandboxError::Map {
        was_root: uid.is_root(),
        source,
    };
    fs::write("/proc/self/uid_map", format!("0 {uid} 1")).map_err(refused)?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1")).map_err(refused)
}

/// Must be called after every change of credentials, which resets it (`commit_creds`, Linux `kernel/cred.c`).
fn die_with_parent() -> Result<(), SandboxError> {
    set_pdeathsig(Signal::SIGKILL).map_err(|errno| SandboxError::Process(errno.into()))
}

/// Forks. Returns the child in the parent, and `None` in the child, which dies with the parent.
fn fork_bound() -> Result<Option<Pid>, SandboxError> {
    let process = |errno: Errno| SandboxError::Process(errno.into());
    let (alive, parent) = pipe().map_err(process)?;
    match fork_single_threaded().map_err(process)? {
        ForkResult::Parent { child } => {
            // Only this process holds it, so it hangs up when this process ends.
            std::mem::forget(parent);
            drop(alive);
            Ok(Some(child))
        }
        ForkResult::Child => {
            drop(parent);
            die_with_parent()?;
            if has_hung_up(&alive) {
                return Err(SandboxError::Orphaned);
            }
            Ok(None)
        }
    }
}

#[expect(unsafe_code, reason = "fork(2) is unsafe in a process with threads")]
pub(super) fn fork_single_threaded() -> nix::Result<ForkResult> {
    // SAFETY: the callers of this module have one thread, as its docs require, so no other thread holds a lock.
    unsafe { fork() }
}

/// Returns whether the parent died before this process was tied to it; getppid(2) cannot show
/// it across PID namespaces.
fn has_hung_up(alive: &OwnedFd) -> bool {
    let mut look = [PollFd::new(alive.as_fd(), PollFlags::POLLIN)];
    matches!(poll(&mut look, PollTimeout::ZERO), Ok(ready) if ready > 0)
}

/// Waits for a child, and reaps all other processes that end meanwhile.
fn wait_for(child: Pid) -> u8 {
    let _stdin = close(libc::STDIN_FILENO);
    let _stdout = close(libc::STDOUT_FILENO);
    ignore_interrupt();
    loop {
        match waitpid(None, None) {
            Ok(WaitStatus::Exited(pid, code)) if pid == child => {
                return u8::try_from(code).unwrap_or(u8::MAX);
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => {
                // As shells report it.
                return u8::try_from(128 + signal as i32).unwrap_or(u8::MAX);
            }
            Err(Errno::ECHILD) => return u8::MAX,
            Ok(_) | Err(_) => {}
        }
    }
}

#[expect(unsafe_code, reason = "signal(2) may install any function")]
fn ignore_interrupt() {
    // SAFETY: no handler is installed; the signal is ignored.
    let _cannot_fail = unsafe { signal(Signal::SIGINT, SigHandler::SigIgn) };
}

/// Runs a closure in a child process, which dies with the caller, and returns its answer. This is for trying
/// things that change the process. A child that dies early answers with nothing. The child has only the
/// calling thread, so the closure must not need locks of other threads.
///
/// # Errors
/// The child cannot be created.
pub fn in_child(work: impl FnOnce() -> Vec<u8>) -> io::Result<Vec<u8>> {
    let (answer, question) = io::pipe()?;
    match fork_single_threaded()? {
        ForkResult::Parent { child } => {
            drop(question);
            let mut bytes = Vec::new();
            let read = (&answer).read_to_end(&mut bytes);
            let _ended = waitpid(child, None);
            read.map(|_| bytes)
        }
        ForkResult::Child => {
            drop(answer);
            if die_with_parent().is_ok() {
                let _no_reader = (&question).write_all(&work());
            }
            end_with(0)
        }
    }
}

/// Ends a forked child without running the exit handlers of the program that it is a copy of.
#[expect(unsafe_code, reason = "nix has no _exit(2)")]
pub(super) fn end_with(code: u8) -> ! {
    // SAFETY: nothing in this process is used afterwards.
    unsafe { libc::_exit(i32::from(code)) }
}

/// Hides the sandbox's mounts from the outside.
fn private_mounts() -> Result<(), SandboxError> {
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .map_err(|errno| SandboxError::Mounts(errno.into()))
}

/// Mounts a `/proc` for the new PID namespace, in which `sys` is writable even in a container. A container
/// that hides parts of its own `/proc` forbids this; the old one then stays.
fn mount_proc() -> bool {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let none: Option<&str> = None;
    mount(Some("proc"), "/proc", Some("proc"), flags, none).is_ok()
}

/// Checks that a setting of the new namespace can be written, by writing its current value.
fn check_settings() -> Result<(), SandboxError> {
    let key = Key::parse(PROBE_KEY).ok_or(SandboxError::Settings(SysctlError::Absent))?;
    let mut sysctls = Sysctls::new();
    let value = sysctls.read(&key).map_err(SandboxError::Settings)?;
    let same = sysctls.set(&key, &value).map_err(SandboxError::Settings);
    same.map(|_| ())
}

fn hint(rootless: bool, error: &io::Error) -> String {
    if rootless || error.raw_os_error() == Some(libc::ENOSPC) {
        return user_namespace_hint(error);
    }
    "this needs CAP_SYS_ADMIN and a seccomp filter that allows unshare(2); in a container: docker run \
     --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
        .to_owned()
}

/// Root without capabilities, as in a container that has dropped them, cannot map itself: since Linux 5.12,
/// mapping the parent's root needs CAP_SETFCAP (user_namespaces(7)).
fn map_hint(was_root: bool, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => return "/proc is mounted read-only".to_owned(),
        io::ErrorKind::NotFound => return "/proc is not mounted".to_owned(),
        _ if was_root => {}
        _ => return user_namespace_hint(error),
    }
    "this is root without its capabilities; give it CAP_SYS_ADMIN and CAP_NET_ADMIN (docker run --cap-add SYS_ADMIN \
     --cap-add NET_ADMIN) to build labs as root, or CAP_SETFCAP to build them in a user namespace, \
     or run as another user"
        .to_owned()
}

/// Returns the setting of this machine that forbids user namespaces, with a remedy.
fn user_namespace_hint(error: &io::Error) -> String {
    let is = |key: &str, value: &str| {
        Key::parse(key)
            .and_then(|key| Sysctls::new().read(&key).ok())
            .is_some_and(|found| found == value)
    };
    for (key, off, on) in [
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
        ("kernel.unprivileged_userns_clone", "0", "1"),
        ("user.max_user_namespaces", "0", "10000"),
        ("user.max_net_namespaces", "0", "10000"),
        ("user.max_pid_namespaces", "0", "10000"),
        ("user.max_mnt_namespaces", "0", "10000"),
    ] {
        if is(key, off) {
            let as_root = if getuid().is_root() {
                ""
            } else {
                "run as root, or: "
            };
            return format!("{key} is {off} on this machine; {as_root}sysctl -w {key}={on}");
        }
    }
    if error.raw_os_error() == Some(libc::ENOSPC) {
        return "the limit on the number of namespaces is reached; see user.max_user_namespaces, \
                user.max_net_namespaces, \
                user.max_pid_namespaces and user.max_mnt_namespaces, here and in the parent namespaces (namespaces(7))"
            .to_owned();
    }
    "a seccomp filter or a security module forbids it; run as root, or in a container with: docker run \
     --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
        .to_owned()
}
