//! epoll(7): the kernel keeps the set, and the cost of a wait depends on how many descriptors are ready.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, RawFd};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll as Instance, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::{Interest, ReadinessSet};

/// Events per epoll_wait(2): enough to share its cost, few enough to return soon to other work.
const EVENTS: usize = 64;

/// A set of descriptors for epoll(7).
#[derive(Debug)]
pub struct Epoll {
    instance: Instance,
    events: [EpollEvent; EVENTS],
}

impl Epoll {
    ///
    /// # Errors
    /// The errors of epoll_create1(2): EMFILE, ENFILE.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            instance: Instance::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            events: [EpollEvent::empty(); EVENTS],
        })
    }

    /// Watches edge-triggered: the descriptor is reported each time data arrives, not as long as there is data.
    ///
    /// # Errors
    /// The errors of epoll_ctl(2).
    pub fn watch_edge(&mut self, fd: RawFd, token: u64) -> io::Result<()> {
        self.control(
            libc::EPOLL_CTL_ADD,
            fd,
            token,
            EpollFlags::EPOLLIN | EpollFlags::EPOLLET,
        )
    }

    /// Like [`ReadinessSet::wait`], but returns immediately unless `block` is set.
    ///
    /// # Errors
    /// The errors of epoll_wait(2), except EINTR.
    pub fn wait_or_poll(&mut self, ready: &mut Vec<u64>, block: bool) -> io::Result<()> {
        let timeout = if block {
            EpollTimeout::NONE
        } else {
            EpollTimeout::ZERO
        };
        match self.instance.wait(&mut self.events, timeout) {
            Ok(count) => ready.extend(self.events[..count].iter().map(EpollEvent::data)),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    #[expect(unsafe_code, reason = "nix's wrapper requires a borrowed descriptor")]
    fn control(&self, op: libc::c_int, fd: RawFd, token: u64, flags: EpollFlags) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: flags.bits().cast_unsigned(),
            u64: token,
        };
        let instance = std::os::fd::AsRawFd::as_raw_fd(&self.instance.0);
        // SAFETY: the event lives for the length of the call; the kernel checks both descriptors.
        Errno::result(unsafe { libc::epoll_ctl(instance, op, fd, &raw mut event) })?;
        Ok(())
    }
}

/// Readable while a descriptor of the set is ready, so that another instance can watch it.
impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.instance.0.as_fd()
    }
}

impl ReadinessSet for Epoll {
    fn watch(&mut self, fd: RawFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, token, flags(interest))
    }

    fn change(&mut self, fd: RawFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, token, flags(interest))
    }

    fn unwatch(&mut self, fd: RawFd) {
        let _not_watched = self.control(libc::EPOLL_CTL_DEL, fd, 0, EpollFlags::empty());
    }

    /// Does nothing, because the kernel removes closed descriptors itself (epoll(7), Q6).
    fn unwatch_closing(&mut self, _fd: RawFd) {}

    fn wait(&mut self, ready: &mut Vec<u64>) -> io::Result<()> {
        self.wait_or_poll(ready, true)
    }
}

fn flags(interest: Interest) -> EpollFlags {
    match interest {
        Interest::Read => EpollFlags::EPOLLIN,
        Interest::Write => EpollFlags::EPOLLOUT,
        // EPOLLERR and EPOLLHUP cannot be turned off: edge-triggered, they are reported only once.
        Interest::Nothing => EpollFlags::EPOLLET,
    }
}
