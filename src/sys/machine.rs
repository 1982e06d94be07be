//! What only the first process of a machine does: mount the kernel's file systems, load its modules, switch it off.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::kmod::{ModuleInitFlags, finit_module};
use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};

/// File systems that programs expect: type and place. The kernel has each of them built in (`devtmpfs` where it was built with
/// `CONFIG_DEVTMPFS`, as every distribution's is).
const FILE_SYSTEMS: [(&str, &str); 6] = [
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("tmpfs", "/tmp"),
    ("tmpfs", "/run"),
    ("devpts", "/dev/pts"),
];

/// Mounts what programs expect. What the kernel has not is left out, for whoever needs it to say so; only `/proc` has to be there.
///
/// # Errors
/// Where `/proc` cannot be mounted.
pub fn mount_file_systems() -> io::Result<()> {
    for (kind, place) in FILE_SYSTEMS {
        let mounted = fs::create_dir_all(place).and_then(|()| {
            let none: Option<&str> = None;
            Ok(mount(
                Some(kind),
                place,
                Some(kind),
                MsFlags::empty(),
                none,
            )?)
        });
        if place == "/proc" {
            mounted?;
        }
    }
    Ok(())
}

/// Loads a module; one that is loaded or built in already is none the worse for it.
///
/// # Errors
/// Those of finit_module(2): ENOENT where it needs a symbol that nothing has, ENOEXEC where it is of another kernel.
pub fn load_module(file: &Path) -> io::Result<()> {
    let file = File::open(file)?;
    match finit_module(&file, &CString::default(), ModuleInitFlags::empty()) {
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Switches the machine off, at once and whatever runs.
///
/// # Errors
/// Where it cannot be switched off (reboot(2)).
pub fn power_off() -> io::Result<()> {
    let Err(errno) = reboot(RebootMode::RB_POWER_OFF);
    Err(errno.into())
}
