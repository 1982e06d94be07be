//! A child that is this same program, and that does not outlive it.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::sys::prctl;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, linkat};

/// The file of the running program, also when it has been replaced or removed meanwhile (`/proc/self/exe`, proc(5)).
pub fn this_program() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}

/// The name by which a child that has just started can open a file of this process, also one without a name of its own
/// (`/proc/PID/fd`, proc(5)). It holds as long as the file is open here.
pub fn open_file(file: &File) -> PathBuf {
    PathBuf::from(format!(
        "/proc/{}/fd/{}",
        std::process::id(),
        file.as_raw_fd()
    ))
}

/// The name by which a process opens one of its own descriptors again (proc(5)).
pub fn own_descriptor(fd: &(impl AsRawFd + ?Sized)) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

/// Gives a file without a name (`O_TMPFILE`, open(2)) one, where nothing has it already.
///
/// # Errors
/// Those of linkat(2).
pub fn link_unnamed(file: &File, path: &Path) -> io::Result<()> {
    let from = own_descriptor(file);
    let follow = AtFlags::AT_SYMLINK_FOLLOW;
    Ok(linkat(AT_FDCWD, from.as_str(), AT_FDCWD, path, follow)?)
}

/// Has a child keep descriptors under the same numbers. They must stay open until the child has started.
#[expect(unsafe_code, reason = "what a child does between fork and exec")]
pub fn hand_down(command: &mut Command, descriptors: &[&dyn AsRawFd]) {
    let numbers: Vec<_> = descriptors.iter().map(|fd| fd.as_raw_fd()).collect();
    // SAFETY: between fork and exec only fcntl(2) is called, on memory that was there before.
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

/// Kills every process of a group that one of our children leads and that has not been waited for yet: its number cannot have
/// gone to another.
pub fn kill_group(leader: u32) {
    if let Ok(leader) = i32::try_from(leader) {
        let _gone_already = killpg(Pid::from_raw(leader), Signal::SIGKILL);
    }
}

/// Has the kernel kill the child when the *thread* that starts it ends (`PR_SET_PDEATHSIG`, prctl(2)), however it ends.
#[expect(unsafe_code, reason = "what a child does between fork and exec")]
pub fn die_with_parent(command: &mut Command) {
    // SAFETY: between fork and exec only prctl(2) is called, which takes no locks and no memory.
    unsafe {
        command.pre_exec(|| Ok(prctl::set_pdeathsig(Signal::SIGKILL)?));
    }
}
