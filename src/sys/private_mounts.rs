//! Mounts that are private to one thread and its children.
//!
//! Not here: the mounts of the sandbox (`sandbox`).

use std::io;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// The directory in which programs create shared memory (shm_overview(7)).
const SHARED_MEMORY: &str = "/dev/shm";

/// Gives the calling thread, and everything it starts from now on, separate shared memory (System V's as
/// well), with an empty file system on `/dev/shm`. It disappears with the last of them. Needs CAP_SYS_ADMIN
/// in the user namespace.
///
/// # Errors
/// The errors of unshare(2) and mount(2): ENOENT if there is no `/dev/shm`.
pub fn own_shared_memory() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC)?;
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    if !Path::new(SHARED_MEMORY).exists() {
        // An initial file system made for one program may lack it; the directory does not outlive the machine.
        std::fs::create_dir(SHARED_MEMORY)?;
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let options = Some("mode=1777");
    mount(Some("tmpfs"), SHARED_MEMORY, Some("tmpfs"), flags, options)?;
    Ok(())
}
