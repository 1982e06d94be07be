//! select(2): one bit for each descriptor below `FD_SETSIZE`; glibc's macros would write outside the set for others.

#![expect(unsafe_code, reason = "select(2) and the macros of fd_set")]

use std::collections::BTreeMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;

use nix::errno::Errno;

use super::{Interest, ReadinessSet};

/// `FD_SETSIZE` of glibc (`sys/select.h`): descriptors from this number on have no bit.
const FD_SETSIZE: RawFd = libc::FD_SETSIZE as RawFd;

/// A set for select(2).
#[derive(Debug, Default)]
pub struct Select {
    watched: BTreeMap<RawFd, (u64, Interest)>,
}

impl ReadinessSet for Select {
    fn can_watch(&self, fd: RawFd) -> bool {
        fd < FD_SETSIZE
    }

    /// Returns EINVAL for descriptors without a bit, as POSIX requires of select(). Without the check,
    /// `FD_SET` would write outside the `fd_set`.
    fn watch(&mut self, fd: RawFd, token: u64, interest: Interest) -> io::Result<()> {
        if !self.can_watch(fd) {
            return Err(Errno::EINVAL.into());
        }
        self.watched.insert(fd, (token, interest));
        Ok(())
    }

    fn change(&mut self, fd: RawFd, token: u64, interest: Interest) -> io::Result<()> {
        self.watch(fd, token, interest)
    }

    fn unwatch(&mut self, fd: RawFd) {
        self.watched.remove(&fd);
    }

    fn wait(&mut self, ready: &mut Vec<u64>) -> io::Result<()> {
        let (mut reads, mut writes) = (empty_set(), empty_set());
        for (fd, (_, interest)) in &self.watched {
            let set = match interest {
                Interest::Read => &mut reads,
                Interest::Write => &mut writes,
                Interest::Nothing => continue,
            };
            // SAFETY: `watch` accepts only descriptors below FD_SETSIZE.
            unsafe { libc::FD_SET(*fd, set) };
        }
        let count = self.watched.last_key_value().map_or(0, |(fd, _)| fd + 1);
        let none = std::ptr::null_mut();
        // SAFETY: both sets are complete and outlive the call; the other pointers are null, which is allowed.
        let result = unsafe {
            libc::select(
                count,
                &raw mut reads,
                &raw mut writes,
                none,
                std::ptr::null_mut(),
            )
        };
        match Errno::result(result) {
            Ok(_) => {}
            // The sets are undefined in this case.
            Err(Errno::EINTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        for (fd, (token, _)) in &self.watched {
            // SAFETY: `watch` accepts only descriptors below FD_SETSIZE.
            if unsafe {
                libc::FD_ISSET(*fd, &raw const reads) || libc::FD_ISSET(*fd, &raw const writes)
            } {
                ready.push(*token);
            }
        }
        Ok(())
    }
}

fn empty_set() -> libc::fd_set {
    let mut set = MaybeUninit::uninit();
    // SAFETY: FD_ZERO writes the whole set.
    unsafe { libc::FD_ZERO(set.as_mut_ptr()) };
    // SAFETY: FD_ZERO has just written it.
    unsafe { set.assume_init() }
}
