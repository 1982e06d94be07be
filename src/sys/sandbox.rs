//! How a process gets its privileges and its certain end: namespaces of its own, and processes above it that take it along.
//!
//! [`enter`] turns one process into three, each killed by the kernel when the one before it dies, however it dies:
//!
//! ```text
//! the caller: waits           PID 1 of a new PID namespace: reaps       PID 2: goes on
//! ```
//!
//! When PID 1 ends, the kernel kills everything in its PID namespace, also what has daemonised (pid_namespaces(7)). Network
//! and mounts are new as well. A virtual machine's init needs none of this: there the end is the machine's.

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

use super::sysctl::{Key, SysctlError, Sysctls};

/// `CAP_NET_ADMIN` and `CAP_SYS_ADMIN` (Linux `include/uapi/linux/capability.h`).
const NEEDED: u64 = 1 << 12 | 1 << 21;
/// `CAP_NET_BIND_SERVICE` (the same file).
const NET_BIND_SERVICE: u64 = 1 << 10;
/// A setting that each network namespace has of its own and its owner may write.
const PROBE_KEY: &str = "net.ipv4.ip_forward";

/// What kind of sandbox is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SandboxOptions {
    /// A user namespace even where the privileges are there without.
    pub rootless: bool,
    /// The process that has started this one, where known: if it is gone already, this one ends.
    pub parent: Option<u32>,
}

/// Which of the three processes this is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxProcess {
    /// The one inside, which goes on.
    Inside(SandboxInfo),
    /// One of those outside, after the one inside has ended: to exit with this code at once. A signal's is 128 + its number.
    Finished(u8),
}

/// What the sandbox is like from inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxInfo {
    /// Whether it is in a user namespace of its own.
    pub rootless: bool,
    /// Whether `/proc` is that of the new PID namespace; else it is still the one from outside.
    pub fresh_proc: bool,
}

/// Why there is no sandbox.
#[derive(Debug, Error)]
pub enum SandboxError {
    /// A user namespace is refused.
    #[error("cannot create a user namespace: {}", user_namespace_hint(.0))]
    User(#[source] io::Error),
    /// A user namespace without privileges in it.
    #[error("cannot become root in a user namespace: {}", map_hint(*.was_root, .source))]
    Map {
        /// Whether the caller was root already, without what makes root mighty.
        was_root: bool,
        /// The kernel's refusal.
        #[source]
        source: io::Error,
    },
    /// The other namespaces are refused.
    #[error("cannot create namespaces for network, processes and mounts: {}", hint(*.rootless, .source))]
    Namespaces {
        /// Whether in a user namespace of its own.
        rootless: bool,
        /// The kernel's refusal.
        #[source]
        source: io::Error,
    },
    /// Mounts cannot be kept apart from the host's.
    #[error(
        "cannot make mounts private; in a container: docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
    )]
    Mounts(#[source] io::Error),
    /// The namespace's own settings cannot be written.
    #[error(
        "cannot write the settings of a network namespace of one's own below /proc/sys/net; in a container: run it with \
         --privileged, or with --security-opt systempaths=unconfined"
    )]
    Settings(#[source] SysctlError),
    /// A process cannot be created or tied to its parent.
    #[error("cannot create the processes of the sandbox")]
    Process(#[source] io::Error),
    /// The process that started this one is gone.
    #[error("the process that started this one is gone")]
    Orphaned,
}

/// Whether the calling process has CAP_NET_ADMIN and CAP_SYS_ADMIN, the privileges to create namespaces and to fill them.
pub fn is_privileged() -> bool {
    has(NEEDED)
}

/// Whether the calling process may bind to ports below `net.ipv4.ip_unprivileged_port_start` (CAP_NET_BIND_SERVICE). Root in a
/// container that has dropped what nslab does not ask for may not.
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

/// Whether the calling process is in a user namespace other than the first, whose map is of every id (user_namespaces(7)).
pub fn in_user_namespace() -> bool {
    fs::read_to_string("/proc/self/uid_map")
        .is_ok_and(|map| map.split_whitespace().ne(["0", "0", "4294967295"]))
}

/// Enters the sandbox. To be called at the very start, while the process has one thread.
///
/// The processes outside keep neither standard input nor standard output; they ignore SIGINT, so that the one inside can
/// answer a Ctrl-C in its own way. Each is killed when its parent's *thread* ends that created it (`PR_SET_PDEATHSIG`), so the
/// caller is best started from a thread that stays.
///
/// # Errors
/// Each says which privilege or setting is missing and how to get it.
pub fn enter(wanted: SandboxOptions) -> Result<SandboxProcess, SandboxError> {
    let rootless = wanted.rootless || !is_privileged();
    isolate(rootless)?;
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

/// Gives the calling process, which must have one thread, namespaces of its own: network, mounts, and processes for its
/// children; rootless, also a user namespace in which it is root.
///
/// # Errors
/// As [`enter`].
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

/// A user namespace that maps the caller to root (user_namespaces(7)).
fn become_root() -> Result<(), SandboxError> {
    let (uid, gid) = (getuid(), getgid());
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|errno| SandboxError::User(errno.into()))?;
    // Without privileges a group map is accepted only once setgroups(2) is given up; before Linux 3.19 there is no such file.
    let _before_3_19 = fs::write("/proc/self/setgroups", "deny");
    let refused = |source| SandboxError::Map {
        was_root: uid.is_root(),
        source,
    };
    fs::write("/proc/self/uid_map", format!("0 {uid} 1")).map_err(refused)?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1")).map_err(refused)
}

/// To be done after every change of credentials, which forgets it (`commit_creds`, Linux `kernel/cred.c`).
fn die_with_parent() -> Result<(), SandboxError> {
    set_pdeathsig(Signal::SIGKILL).map_err(|errno| SandboxError::Process(errno.into()))
}

/// Forks. In the parent: the child. In the child: nothing, and it dies with the parent.
fn fork_bound() -> Result<Option<Pid>, SandboxError> {
    let process = |errno: Errno| SandboxError::Process(errno.into());
    let (alive, parent) = pipe().map_err(process)?;
    match fork_single_threaded().map_err(process)? {
        ForkResult::Parent { child } => {
            // Held by this process alone: it hangs up when this one ends.
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
    // SAFETY: the callers of this module have one thread, as its functions ask for: no lock is held by another.
    unsafe { fork() }
}

/// The parent may have died before it could take this process along; from a new PID namespace getppid(2) cannot tell.
fn has_hung_up(alive: &OwnedFd) -> bool {
    let mut look = [PollFd::new(alive.as_fd(), PollFlags::POLLIN)];
    matches!(poll(&mut look, PollTimeout::ZERO), Ok(ready) if ready > 0)
}

/// Waits for a child, and meanwhile reaps whatever else ends.
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
                // As a shell reports it.
                return u8::try_from(128 + signal as i32).unwrap_or(u8::MAX);
            }
            Err(Errno::ECHILD) => return u8::MAX,
            Ok(_) | Err(_) => {}
        }
    }
}

#[expect(unsafe_code, reason = "signal(2) may install any function")]
fn ignore_interrupt() {
    // SAFETY: no function is installed, the signal is ignored.
    let _cannot_fail = unsafe { signal(Signal::SIGINT, SigHandler::SigIgn) };
}

/// Runs something in a child process, which dies with the caller, and gives what it answers: what cannot be tried without
/// changing the process that tries. A child that dies early answers nothing. The child has the calling thread alone, so what it
/// runs must not need what another thread holds.
///
/// # Errors
/// Where the child cannot be created.
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
                let _nobody_reads = (&question).write_all(&work());
            }
            end_with(0)
        }
    }
}

/// Ends a forked child, without what the program it is a copy of does at its end.
#[expect(unsafe_code, reason = "nix has no _exit(2)")]
pub(super) fn end_with(code: u8) -> ! {
    // SAFETY: nothing of this process is used after this.
    unsafe { libc::_exit(i32::from(code)) }
}

/// Keeps mounts of the sandbox from showing outside.
fn private_mounts() -> Result<(), SandboxError> {
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .map_err(|errno| SandboxError::Mounts(errno.into()))
}

/// A `/proc` of the new PID namespace, writable below `sys` where a container's is not. Refused in a container that hides
/// parts of its own; then that one stays.
fn mount_proc() -> bool {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let none: Option<&str> = None;
    mount(Some("proc"), "/proc", Some("proc"), flags, none).is_ok()
}

/// Writes a setting of the new namespace as it is.
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
    "they take CAP_SYS_ADMIN and a seccomp filter that lets unshare(2) pass; in a container: docker run --cap-add SYS_ADMIN \
     --cap-add NET_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
        .to_owned()
}

/// Root without capabilities, as in a container that has dropped them, cannot map itself: since Linux 5.12 mapping the parent's
/// root takes CAP_SETFCAP (user_namespaces(7)).
fn map_hint(was_root: bool, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => return "/proc is mounted read-only".to_owned(),
        io::ErrorKind::NotFound => return "/proc is not mounted".to_owned(),
        _ if was_root => {}
        _ => return user_namespace_hint(error),
    }
    "this is root without its capabilities; give it CAP_SYS_ADMIN and CAP_NET_ADMIN (docker run --cap-add SYS_ADMIN \
     --cap-add NET_ADMIN) to build labs as root, or CAP_SETFCAP to build them in a user namespace, or run as another user"
        .to_owned()
}

/// What on this machine keeps users from having namespaces, and what to do about it.
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
            return format!(
                "{key} is {off} on this machine; run as root, or: sysctl -w {key}={on}"
            );
        }
    }
    if error.raw_os_error() == Some(libc::ENOSPC) {
        return "as many namespaces as may be are there already; see user.max_user_namespaces, user.max_net_namespaces, \
                user.max_pid_namespaces and user.max_mnt_namespaces, here and in the namespaces above (namespaces(7))"
            .to_owned();
    }
    "a seccomp filter or a security module forbids it; run as root, or in a container with: docker run --cap-add SYS_ADMIN \
     --cap-add NET_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
        .to_owned()
}
