//! Mounts that one thread and its children have to themselves.
//!
//! Not here: the sandbox's own (`sandbox`).

use std::io;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// Where programs look for shared memory (shm_overview(7)).
const SHARED_MEMORY: &str = "/dev/shm";

/// Gives the calling thread, and what it starts from now on, shared memory of its own, System V's too, and with it an empty file
/// system on `/dev/shm`. It goes with the last of them, however they end. Needs CAP_SYS_ADMIN in the current user namespace.
///
/// # Errors
/// Those of unshare(2) and mount(2): ENOENT where there is no `/dev/shm`.
pub fn own_shared_memory() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC)?;
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    if !Path::new(SHARED_MEMORY).exists() {
        // As in an initial file system that was made for one program; it does not outlive the machine.
        std::fs::create_dir(SHARED_MEMORY)?;
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let options = Some("mode=1777");
    mount(Some("tmpfs"), SHARED_MEMORY, Some("tmpfs"), flags, options)?;
    Ok(())
}
