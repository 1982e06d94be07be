//! `/proc` of a confined program: that of its own PID namespace, in which it may write nothing but network settings.

use std::ffi::CString;
use std::io;
use std::ptr;

use nix::errno::Errno;

/// Files and folders through which root changes the machine or reads its memory. The same list as that of container
/// engines (OCI runtime specification, `maskedPaths` and `readonlyPaths` of their defaults).
const HIDDEN_FILES: [&str; 8] = [
    "/proc/kcore",
    "/proc/keys",
    "/proc/key-users",
    "/proc/kmsg",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/timer_list",
    "/proc/sysrq-trigger",
];
const HIDDEN_FOLDERS: [&str; 3] = ["/proc/acpi", "/proc/asound", "/proc/scsi"];
const READ_ONLY: [&str; 6] = [
    "/proc/bus",
    "/proc/driver",
    "/proc/fs",
    "/proc/irq",
    "/proc/mtrr",
    "/proc/sys",
];
/// Settings of the network namespace, which a program with CAP_NET_ADMIN may change.
const WRITABLE: &str = "/proc/sys/net";
/// A setting of the whole machine that could be written from any network namespace until Linux 5.12.
const SHARED_SETTING: &str = "/proc/sys/net/ipv4/tcp_allowed_congestion_control";

/// A mount to make after a fork.
#[derive(Debug)]
struct ProcMount {
    source: CString,
    at: CString,
    kind: Option<CString>,
    flags: libc::c_ulong,
    /// True if its failure ends the preparation.
    required: bool,
}

/// The mounts that make up the view.
#[derive(Debug)]
pub(super) struct ProcView(Vec<ProcMount>);

impl ProcView {
    pub(super) fn prepare() -> io::Result<Self> {
        const PLAIN: libc::c_ulong = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
        const REMOUNT: libc::c_ulong = libc::MS_BIND | libc::MS_REMOUNT | PLAIN;
        // A container that hides parts of its own `/proc` forbids a new one; the old one then stays.
        let mut mounts = vec![mount("proc", "/proc", Some("proc"), PLAIN, false)?];
        let read_only = |at: &str, required| -> io::Result<_> {
            Ok([
                mount(at, at, None, libc::MS_BIND | libc::MS_REC, required)?,
                mount(at, at, None, REMOUNT | libc::MS_RDONLY, required)?,
            ])
        };
        for at in READ_ONLY {
            mounts.extend(read_only(at, at == "/proc/sys")?);
        }
        mounts.push(mount(WRITABLE, WRITABLE, None, libc::MS_BIND, false)?);
        mounts.push(mount(WRITABLE, WRITABLE, None, REMOUNT, false)?);
        mounts.extend(read_only(SHARED_SETTING, false)?);
        for at in HIDDEN_FILES {
            mounts.push(mount("/dev/null", at, None, libc::MS_BIND, false)?);
        }
        for at in HIDDEN_FOLDERS {
            mounts.push(mount(
                "tmpfs",
                at,
                Some("tmpfs"),
                PLAIN | libc::MS_RDONLY,
                false,
            )?);
        }
        Ok(Self(mounts))
    }

    /// Makes the mounts, in a mount namespace of the calling process. Makes system calls only.
    pub(super) fn mount_all(&self) -> io::Result<()> {
        self.0.iter().try_for_each(ProcMount::make)
    }
}

fn mount(
    source: &str,
    at: &str,
    kind: Option<&str>,
    flags: libc::c_ulong,
    required: bool,
) -> io::Result<ProcMount> {
    Ok(ProcMount {
        source: CString::new(source)?,
        at: CString::new(at)?,
        kind: kind.map(CString::new).transpose()?,
        flags,
        required,
    })
}

impl ProcMount {
    #[expect(unsafe_code, reason = "nix allocates memory for long paths")]
    fn make(&self) -> io::Result<()> {
        let kind = self.kind.as_ref().map_or(ptr::null(), |kind| kind.as_ptr());
        // SAFETY: the strings end with NUL and outlive the call; without data, the last pointer may be null.
        let done = unsafe {
            libc::mount(
                self.source.as_ptr(),
                self.at.as_ptr(),
                kind,
                self.flags,
                ptr::null(),
            )
        };
        match Errno::result(done) {
            Err(errno) if self.required => Err(errno.into()),
            _ => Ok(()),
        }
    }
}
