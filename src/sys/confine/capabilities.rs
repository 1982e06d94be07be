//! The user and the capabilities of a confined program.
//!
//! If this process is root of its machine, the program becomes a user that owns nothing, with the capabilities that
//! networking needs. So it cannot read what only root may read, on whichever path. A user namespace of its own would
//! do the same, but CAP_NET_ADMIN in it has no power over a network namespace that belongs to the namespace above
//! (network_namespaces(7)); and a network namespace that belongs to it has no `net.core` and other settings, which the
//! kernel shows only to the machine's own root (`sysctl_core_net_init`, Linux `net/core/sysctl_net_core.c`).

use std::fs;
use std::io;

use nix::errno::Errno;

use super::ConfinementOptions;

/// A capability by its number (Linux `include/uapi/linux/capability.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capability(pub u8);

const SETGID: Capability = Capability(6);
const SETUID: Capability = Capability(7);
const SETPCAP: Capability = Capability(8);
/// Needed to map one's own root into a user namespace, as `unshare --map-user` does (user_namespaces(7)). It has no
/// other use: the program can write no file whose capabilities count.
const SETFCAP: Capability = Capability(31);

/// The capabilities of every program: CAP_NET_BIND_SERVICE, CAP_NET_ADMIN and CAP_NET_RAW.
pub const BASIC: [Capability; 3] = [Capability(10), Capability(12), Capability(13)];

/// A user and group that own nothing: above the range of Debian's accounts and of systemd's dynamic users (61184 to
/// 65519), and not 65534, which owns what is not mapped.
const NOBODY: u32 = 65_533;
/// `_LINUX_CAPABILITY_VERSION_3` (Linux `include/uapi/linux/capability.h`).
const VERSION_3: u32 = 0x2008_0522;

/// The user and the capabilities to assume.
#[derive(Debug)]
pub(super) struct Credentials {
    keep: u64,
    user: Option<u32>,
    may_bound: bool,
}

/// Leaves the calling process, which must have one thread, only the capabilities of these bits, as far as it has them.
/// Neither it nor any program that it starts can gain others.
///
/// # Errors
/// `/proc` is not mounted, or the kernel refuses.
pub fn keep_only(wanted: u64) -> io::Result<()> {
    let own = permitted()?;
    let credentials = Credentials {
        keep: wanted & own,
        user: None,
        may_bound: own & SETPCAP.bit() != 0,
    };
    credentials.assume()
}

/// `struct __user_cap_header_struct` (Linux `include/uapi/linux/capability.h`).
#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: libc::c_int,
}

/// `struct __user_cap_data_struct` (the same file).
#[repr(C)]
struct CapabilitySet {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

impl Capability {
    pub(crate) const fn bit(self) -> u64 {
        1 << self.0
    }
}

impl Credentials {
    pub(super) fn choose(options: &ConfinementOptions) -> io::Result<Self> {
        let own = permitted()?;
        let wanted = BASIC.iter().chain(&options.capabilities);
        let mut keep = wanted.fold(0, |bits, capability| bits | capability.bit()) & own;
        let has = |capability: Capability| own & capability.bit() != 0;
        let changes = !options.as_root
            && has(SETUID)
            && has(SETGID)
            && is_mapped("/proc/self/uid_map")?
            && is_mapped("/proc/self/gid_map")?
            && has_ambient_capabilities();
        if !changes {
            keep |= SETFCAP.bit() & own;
        }
        Ok(Self {
            keep,
            user: changes.then_some(NOBODY),
            may_bound: has(SETPCAP),
        })
    }

    pub(super) fn user(&self) -> Option<u32> {
        self.user
    }

    /// Changes the calling process. Makes system calls only, and not through the C library, which would have other
    /// threads do the same.
    pub(super) fn assume(&self) -> io::Result<()> {
        if self.may_bound {
            self.bound()?;
        }
        if let Some(user) = self.user {
            become_user(user)?;
        }
        self.set_capabilities()?;
        if self.user.is_some() {
            for number in numbers(self.keep) {
                prctl(
                    libc::PR_CAP_AMBIENT,
                    [libc::PR_CAP_AMBIENT_RAISE as u64, number],
                )?;
            }
        }
        Ok(prctl(libc::PR_SET_NO_NEW_PRIVS, [1, 0])?)
    }

    /// Drops every other capability from the bounding set, up to the last that this kernel has.
    fn bound(&self) -> nix::Result<()> {
        for number in numbers(!self.keep) {
            match prctl(libc::PR_CAPBSET_DROP, [number, 0]) {
                Err(Errno::EINVAL) => break,
                other => other?,
            }
        }
        Ok(())
    }

    #[expect(unsafe_code, reason = "capset(2) is not in nix")]
    fn set_capabilities(&self) -> nix::Result<()> {
        let header = CapabilityHeader {
            version: VERSION_3,
            pid: 0,
        };
        let half = |shift: u32| {
            let bits = (self.keep >> shift) as u32;
            CapabilitySet {
                effective: bits,
                permitted: bits,
                inheritable: bits,
            }
        };
        let sets = [half(0), half(32)];
        // SAFETY: version 3 takes two sets; the call reads both structures.
        let done = unsafe { libc::syscall(libc::SYS_capset, &raw const header, sets.as_ptr()) };
        Errno::result(done).map(drop)
    }
}

fn numbers(bits: u64) -> impl Iterator<Item = u64> {
    (0..64).filter(move |number| bits >> number & 1 != 0)
}

/// Becomes another user and group, and keeps the permitted capabilities.
#[expect(unsafe_code, reason = "system calls without the C library")]
fn become_user(user: u32) -> nix::Result<()> {
    prctl(libc::PR_SET_KEEPCAPS, [1, 0])?;
    // SAFETY: the calls take numbers; an empty list of groups needs no memory.
    unsafe {
        Errno::result(libc::syscall(
            libc::SYS_setgroups,
            0,
            std::ptr::null::<u32>(),
        ))?;
        Errno::result(libc::syscall(libc::SYS_setresgid, user, user, user))?;
        Errno::result(libc::syscall(libc::SYS_setresuid, user, user, user))?;
    }
    Ok(())
}

#[expect(unsafe_code, reason = "prctl(2)")]
fn prctl(operation: libc::c_int, [a, b]: [u64; 2]) -> nix::Result<()> {
    // SAFETY: these operations take numbers, not pointers.
    Errno::result(unsafe { libc::prctl(operation, a, b, 0_u64, 0_u64) }).map(drop)
}

/// Returns true if this kernel has ambient capabilities (new in Linux 4.3), without which another user has none.
fn has_ambient_capabilities() -> bool {
    prctl(
        libc::PR_CAP_AMBIENT,
        [libc::PR_CAP_AMBIENT_IS_SET as u64, 0],
    )
    .is_ok()
}

fn permitted() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/thread-self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("CapPrm:"));
    let bits = line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    bits.ok_or_else(|| io::Error::other("/proc/thread-self/status has no CapPrm"))
}

/// Returns true if the user, or the group, exists in this user namespace (user_namespaces(7)).
fn is_mapped(map: &str) -> io::Result<bool> {
    let text = fs::read_to_string(map)?;
    let covers = |line: &str| {
        let mut words = line.split_whitespace().map(str::parse::<u32>);
        let (Some(Ok(first)), _, Some(Ok(count))) = (words.next(), words.next(), words.next())
        else {
            return false;
        };
        NOBODY
            .checked_sub(first)
            .is_some_and(|offset| offset < count)
    };
    Ok(text.lines().any(covers))
}
