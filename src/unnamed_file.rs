//! Files without a name (`O_TMPFILE`, open(2)), which disappear with this process unless they get one.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::libc::O_TMPFILE;
use nix::unistd::linkat;

/// Creates a file in a folder, with this mode before the umask is applied.
///
/// # Errors
/// EOPNOTSUPP if the file system has no such files; the other errors of open(2).
pub(crate) fn create(folder: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .mode(mode)
        .custom_flags(O_TMPFILE)
        .open(folder)
}

/// Gives it a name, unless a file of this name exists.
///
/// # Errors
/// EEXIST; the other errors of linkat(2).
pub(crate) fn link(file: &File, path: &Path) -> io::Result<()> {
    let from = format!("/dev/fd/{}", file.as_raw_fd());
    let follow = AtFlags::AT_SYMLINK_FOLLOW;
    Ok(linkat(AT_FDCWD, from.as_str(), AT_FDCWD, path, follow)?)
}
