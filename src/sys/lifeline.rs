//! Children that run this same program and do not outlive it.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use nix::sys::prctl;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// The name of a virtual machine, before the number of the process that started it.
pub const MACHINE_OF: &str = "nslab-of-";

/// The file of the running program, even if it was replaced or removed (`/proc/self/exe`, proc(5)).
pub fn this_program() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}

/// Returns a path by which a newly started child can open a file of this process, even one without a name
/// (`/proc/PID/fd`, proc(5)). It is valid as long as the file is open here.
pub fn open_file(file: &File) -> PathBuf {
    PathBuf::from(format!(
        "/proc/{}/fd/{}",
        std::process::id(),
        file.as_raw_fd()
    ))
}

/// Returns the path by which a process can reopen one of its own descriptors (proc(5)).
pub fn own_descriptor(fd: &(impl AsRawFd + ?Sized)) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

/// Makes a child inherit descriptors with unchanged numbers. They must stay open until the child has started.
#[expect(unsafe_code, reason = "runs in the child between fork and exec")]
pub fn hand_down(command: &mut Command, descriptors: &[&dyn AsRawFd]) {
    let numbers: Vec<_> = descriptors.iter().map(|fd| fd.as_raw_fd()).collect();
    // SAFETY: between fork and exec only fcntl(2) is called, on memory that existed before.
    unsafe {
        command.pre_exec(move || {
            for number in &numbers {
                let done = libc::fcntl(*number, libc::F_SETFD, 0);
                nix::errno::Errno::result(done)?;
            }
            Ok(())
        });
    }
}

/// Kills a process group that is led by a child of this process. The child must not have been waited for yet,
/// so that its number cannot have been reused.
pub fn kill_group(leader: u32) {
    if let Ok(leader) = i32::try_from(leader) {
        let _gone_already = killpg(Pid::from_raw(leader), Signal::SIGKILL);
    }
}

/// Makes the kernel kill the child when the *thread* that starts it ends for
/// any reason (`PR_SET_PDEATHSIG`, prctl(2)).
#[expect(unsafe_code, reason = "runs in the child between fork and exec")]
pub fn die_with_parent(command: &mut Command) {
    // SAFETY: between fork and exec only prctl(2) is called, which takes no locks and allocates no memory.
    unsafe {
        command.pre_exec(|| Ok(prctl::set_pdeathsig(Signal::SIGKILL)?));
    }
}
