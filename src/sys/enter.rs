//! Enters the namespaces of another process, like nsenter(1), and runs a program there.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::{getpgrp, sethostname, tcgetpgrp, tcsetpgrp};

use super::lifeline::die_with_parent;
use super::netns::NetNs;

/// The namespaces of a process, which stay within reach after this process has changed its own.
#[derive(Debug)]
pub struct ProcessNamespaces {
    mounts: File,
    processes: File,
}

impl ProcessNamespaces {
    /// Opens the namespaces of a process. If it has a user namespace of its own, this process enters it for good,
    /// and needs to have only one thread.
    ///
    /// # Errors
    /// EACCES or EPERM if the process belongs to someone else; ENOENT if it has ended.
    pub fn open(pid: u32) -> io::Result<Self> {
        let open = |kind: &str| File::open(format!("/proc/{pid}/ns/{kind}"));
        let namespaces = Self {
            mounts: open("mnt")?,
            processes: open("pid")?,
        };
        let user = open("user")?;
        let own = File::open("/proc/self/ns/user")?;
        if user.metadata()?.ino() != own.metadata()?.ino() {
            setns(user.as_fd(), CloneFlags::CLONE_NEWUSER)?;
        }
        Ok(namespaces)
    }

    /// Runs a program in these namespaces and in a network namespace, and waits for its end. The program has the
    /// terminal, the folder and the environment of this process. It is killed when this process ends, or when the
    /// first process of its process namespace ends.
    ///
    /// Returns its exit code, which is 128 plus the number of a signal that killed it.
    ///
    /// # Errors
    /// The errors of setns(2), fork(2) and execve(2).
    pub fn run(self, netns: &NetNs, hostname: &str, mut command: Command) -> io::Result<u8> {
        let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        setns(netns.as_fd(), CloneFlags::CLONE_NEWNET)?;
        setns(self.processes.as_fd(), CloneFlags::CLONE_NEWPID)?;
        setns(self.mounts.as_fd(), CloneFlags::CLONE_NEWNS)?;
        // A folder that is out of reach is replaced by the root, where setns(2) has put this process.
        let _at_root = std::env::set_current_dir(folder);
        show_as_node(hostname);
        die_with_parent(&mut command);
        let mut child = command.spawn()?;
        // Keys such as Ctrl-C are for the program.
        for key in [Signal::SIGINT, Signal::SIGQUIT] {
            ignore(key);
        }
        let status = child.wait()?;
        take_terminal_back();
        let code = status.code();
        let code = code.unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        Ok(u8::try_from(code).unwrap_or(u8::MAX))
    }
}

/// Makes the host name, and `/sys/class/net`, those of the node, for this process only. Programs run without that
/// as well, so errors do not matter.
fn show_as_node(hostname: &str) {
    if unshare(CloneFlags::CLONE_NEWUTS).is_ok() {
        let _only_shown = sethostname(OsStr::new(hostname));
    }
    let none: Option<&str> = None;
    let private = || {
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some("sysfs"), "/sys", Some("sysfs"), flags, none)
    };
    let _not_allowed = private();
}

/// An interactive shell makes itself the foreground of the terminal; after its end nobody is.
fn take_terminal_back() {
    let terminal = io::stdin();
    if tcgetpgrp(&terminal).is_ok() {
        // Without this, the kernel would stop this process for changing the terminal from the background.
        ignore(Signal::SIGTTOU);
        let _terminal_closed = tcsetpgrp(&terminal, getpgrp());
    }
}

#[expect(unsafe_code, reason = "signal(2) may install any function")]
fn ignore(key: Signal) {
    // SAFETY: no handler is installed; the signal is ignored.
    let _cannot_fail = unsafe { signal(key, SigHandler::SigIgn) };
}
