//! Three ways to wait for many descriptors, behind one trait: level-triggered epoll(7), poll(2) and select(2).

mod epoll;
mod poll;
mod select;

pub use epoll::Epoll;
pub use poll::Poll;
pub use select::Select;

use std::io;
use std::os::fd::RawFd;

/// The condition to wait for. Errors and hang-ups are always reported with `Read` and `Write`, and with
/// `Nothing` only if the mechanism cannot avoid it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Interest {
    /// Readable, or at the end of the stream.
    Read,
    Write,
    /// Neither for now; the descriptor stays in the set.
    Nothing,
}

/// A set of watched descriptors, reported by their tokens. It is level-triggered: a descriptor
/// is reported while ready.
pub trait ReadinessSet {
    /// Returns whether a descriptor with this number can be watched at all.
    fn can_watch(&self, _fd: RawFd) -> bool {
        true
    }

    /// Adds a descriptor.
    ///
    /// # Errors
    /// ENOMEM or ENOSPC from epoll_ctl(2); EINVAL from select, for a descriptor at or above `FD_SETSIZE`.
    fn watch(&mut self, fd: RawFd, token: u64, interest: Interest) -> io::Result<()>;

    /// Changes the condition and token of a watched descriptor.
    ///
    /// # Errors
    /// The errors of epoll_ctl(2).
    fn change(&mut self, fd: RawFd, token: u64, interest: Interest) -> io::Result<()>;

    /// Removes a descriptor.
    fn unwatch(&mut self, fd: RawFd);

    /// Removes a descriptor that is closed directly afterwards and was never duplicated.
    fn unwatch_closing(&mut self, fd: RawFd) {
        self.unwatch(fd);
    }

    /// Waits until a descriptor is ready, and adds the tokens of all that are. It may add none after a signal.
    ///
    /// # Errors
    /// The errors of the system call, except EINTR.
    fn wait(&mut self, ready: &mut Vec<u64>) -> io::Result<()>;
}

#[cfg(test)]
mod tests;
