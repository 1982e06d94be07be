//! What only the first process of a machine does: mount the kernel's file systems, load its modules, switch it off.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::Duration;

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

/// What a kernel with nothing to do wakes up for, with settings that keep it from that: statistics of its memory that nobody reads
/// (once a second), memory put together for large pages (twice a second; Linux 6.1 `mm/vmstat.c`, `mm/compaction.c`).
const HOUSEKEEPING: [(&str, &str); 2] = [
    ("/proc/sys/vm/stat_interval", "3600"),
    ("/proc/sys/vm/compaction_proactiveness", "0"),
];

/// Has the kernel reduce_housekeeping where there is nothing to do, as far as it has these settings.
pub fn reduce_housekeeping() {
    for (file, value) in HOUSEKEEPING {
        let _this_kernel_has_none = fs::write(file, value);
    }
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

/// `RNDADDENTROPY`, Linux `include/uapi/linux/random.h`.
const RNDADDENTROPY: libc::c_ulong = 0x4008_5203;
/// Bytes given: twice what the generator waits for (256 bits at most, since Linux 4.8).
const ENTROPY: usize = 64;

/// Before 4.8 what is given goes from pool to pool in portions of 64 bits, to two of them in turn, and only while the first is nearly full
/// (Linux 4.4 `drivers/char/random.c`, `credit_entropy_bits`): about ten rounds.
const MOST_ROUNDS: u32 = 64;

/// `struct rand_pool_info`, the same file.
#[repr(C)]
struct RandPoolInfo {
    entropy_count: libc::c_int,
    buf_size: libc::c_int,
    buf: [u8; ENTROPY],
}

/// Gives the kernel's random number generator all that it waits for. A machine without devices has none to give: before Linux 5.6
/// getrandom(2) then waits for minutes.
///
/// # Errors
/// Where there is no `/dev/random`, or it refuses (random(4)).
#[expect(unsafe_code, reason = "ioctl(2)")]
pub fn seed_random_numbers(seed: [u8; ENTROPY]) -> io::Result<()> {
    let file = File::options().write(true).open("/dev/random")?;
    let info = RandPoolInfo {
        entropy_count: ENTROPY as libc::c_int * 8,
        buf_size: ENTROPY as libc::c_int,
        buf: seed,
    };
    for _ in 0..MOST_ROUNDS {
        // SAFETY: the request is a whole `rand_pool_info` with as many bytes as it says, lives for the length of the call, and is only read.
        let result = unsafe { libc::ioctl(file.as_raw_fd(), RNDADDENTROPY, &raw const info) };
        Errno::result(result)?;
        if has_random_numbers() {
            break;
        }
        // A thread of the kernel passes it on.
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

#[expect(unsafe_code, reason = "getrandom(2)")]
fn has_random_numbers() -> bool {
    let mut byte = 0_u8;
    // SAFETY: one byte is written, to a place for one.
    let got = unsafe { libc::getrandom((&raw mut byte).cast(), 1, libc::GRND_NONBLOCK) };
    got == 1
}

/// Switches the machine off, at once and whatever runs.
///
/// # Errors
/// Where it cannot be switched off (reboot(2)).
pub fn power_off() -> io::Result<()> {
    let Err(errno) = reboot(RebootMode::RB_POWER_OFF);
    Err(errno.into())
}
