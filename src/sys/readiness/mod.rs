//! The three ways to wait for many descriptors at once, behind one trait: level-triggered epoll(7), poll(2), select(2).

mod epoll;
mod poll;
mod select;

pub use epoll::Epoll;
pub use poll::Poll;
pub use select::Select;

use std::io;
use std::os::fd::RawFd;

/// What to wait for on a descriptor. Errors and hang-ups are told with either, and for [`Self::Nothing`] only where the mechanism
/// cannot help it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// Readable, or at its end.
    Read,
    /// Writable.
    Write,
    /// Nothing for now.
    Nothing,
}

/// A set of watched descriptors, each with a token by which it is told. Level-triggered: what stays ready is told again.
pub trait ReadinessSet {
    /// Whether a descriptor of this number can be watched at all.
    fn has_place_for(&self, _fd: RawFd) -> bool {
        true
    }

    /// Begins to watch.
    ///
    /// # Errors
    /// ENOMEM or ENOSPC from epoll_ctl(2); EINVAL from select, for a descriptor at or above `FD_SETSIZE`.
    fn watch(&mut self, fd: RawFd, token: u64, interest: Interest) -> io::Result<()>;

    /// Watches the same descriptor for something else.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    fn change(&mut self, fd: RawFd, token: u64, interest: Interest) -> io::Result<()>;

    /// Ends watching.
    fn forget(&mut self, fd: RawFd);

    /// Ends watching a descriptor that is closed right after, and was never duplicated.
    fn forget_closing(&mut self, fd: RawFd) {
        self.forget(fd);
    }

    /// Waits until something is ready and adds the tokens of what is. May add none, after a signal.
    ///
    /// # Errors
    /// Those of the system call, except EINTR.
    fn wait(&mut self, ready: &mut Vec<u64>) -> io::Result<()>;
}

#[cfg(test)]
mod tests;
