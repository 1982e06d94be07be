//! The duties of a machine's first process: mounting kernel file systems, loading modules, and powering off.

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
use nix::sys::resource::{Resource, setrlimit};

/// File systems that programs expect: type and mount point. All are built into the kernel (`devtmpfs` with
/// `CONFIG_DEVTMPFS`, which every distribution sets). `/tmp` stays as it is if it has files, which a scenario brought:
/// the whole file system of a guest is in memory anyway.
const FILE_SYSTEMS: [(&str, &str); 6] = [
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("tmpfs", "/tmp"),
    ("tmpfs", "/run"),
    ("devpts", "/dev/pts"),
];

/// Mounts the file systems that programs expect. Those that the kernel does not have are skipped, except `/proc`.
///
/// # Errors
/// `/proc` cannot be mounted.
pub fn mount_file_systems() -> io::Result<()> {
    for (kind, place) in FILE_SYSTEMS {
        let has_files = |mut entries: fs::ReadDir| entries.next().is_some();
        if place == "/tmp" && fs::read_dir(place).is_ok_and(has_files) {
            continue;
        }
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

/// Settings that stop periodic work of an idle kernel: memory statistics that nobody reads (once per second) and
/// the compaction of memory into large pages (twice per second; Linux 6.1 `mm/vmstat.c`, `mm/compaction.c`).
const HOUSEKEEPING: [(&str, &str); 2] = [
    ("/proc/sys/vm/stat_interval", "3600"),
    ("/proc/sys/vm/compaction_proactiveness", "0"),
];

/// Turns off the kernel's periodic housekeeping, as far as the kernel has these settings.
pub fn reduce_housekeeping() {
    for (file, value) in HOUSEKEEPING {
        let _this_kernel_has_none = fs::write(file, value);
    }
}

/// Descriptors that a process may have (getrlimit(2)): soft and hard, as systemd sets them. The kernel starts with
/// 4,096 at most (Linux `include/asm-generic/resource.h`, `INR_OPEN_MAX`), too few for 10,000 connections.
const DESCRIPTORS: (u64, u64) = (1024, 524_288);

/// Raises the bound on descriptors for this process and all that it starts.
pub fn raise_descriptors() {
    let (soft, hard) = DESCRIPTORS;
    let _stays_as_it_was = setrlimit(Resource::RLIMIT_NOFILE, soft, hard);
}

/// Loads a module. It may already be loaded or built in.
///
/// # Errors
/// The errors of finit_module(2): ENOENT if a symbol is missing, ENOEXEC if the module is for another kernel.
pub fn load_module(file: &Path) -> io::Result<()> {
    let file = File::open(file)?;
    match finit_module(&file, &CString::default(), ModuleInitFlags::empty()) {
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// `RNDADDENTROPY`, Linux `include/uapi/linux/random.h`.
const RNDADDENTROPY: libc::c_ulong = 0x4008_5203;
/// Bytes given: twice what the generator waits for (at most 256 bits, since Linux 4.8).
const ENTROPY: usize = 64;

/// Rounds at most. Before 4.8 the input passes between pools in portions of 64 bits, alternately to two of
/// them, and only while the first is nearly full (Linux 4.4 `drivers/char/random.c`, `credit_entropy_bits`),
/// which takes about ten rounds.
const MOST_ROUNDS: u32 = 64;

/// `struct rand_pool_info`, Linux `include/uapi/linux/random.h`.
#[repr(C)]
struct RandPoolInfo {
    entropy_count: libc::c_int,
    buf_size: libc::c_int,
    buf: [u8; ENTROPY],
}

/// Gives the kernel's random number generator all the entropy that it waits for. A machine without devices
/// has no entropy of its own, and before Linux 5.6 getrandom(2) would wait for minutes.
///
/// # Errors
/// There is no `/dev/random`, or it refuses the request (random(4)).
#[expect(unsafe_code, reason = "ioctl(2)")]
pub fn seed_random_numbers(seed: [u8; ENTROPY]) -> io::Result<()> {
    let file = File::options().write(true).open("/dev/random")?;
    let info = RandPoolInfo {
        entropy_count: ENTROPY as libc::c_int * 8,
        buf_size: ENTROPY as libc::c_int,
        buf: seed,
    };
    for _ in 0..MOST_ROUNDS {
        // SAFETY: the request is a complete `rand_pool_info` with as many bytes as it states; it outlives the
        // call, which only reads it.
        let result = unsafe { libc::ioctl(file.as_raw_fd(), RNDADDENTROPY, &raw const info) };
        Errno::result(result)?;
        if has_random_numbers() {
            break;
        }
        // A kernel thread passes the input on.
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

#[expect(unsafe_code, reason = "getrandom(2)")]
fn has_random_numbers() -> bool {
    let mut byte = 0_u8;
    // SAFETY: the call writes one byte, to a place for one.
    let got = unsafe { libc::getrandom((&raw mut byte).cast(), 1, libc::GRND_NONBLOCK) };
    got == 1
}

/// Powers the machine off immediately, no matter what is running.
///
/// # Errors
/// The machine cannot be powered off (reboot(2)).
pub fn power_off() -> io::Result<()> {
    let Err(errno) = reboot(RebootMode::RB_POWER_OFF);
    Err(errno.into())
}
