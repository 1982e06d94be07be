//! Stops waiting threads: a flag with a descriptor that wakes those that poll it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};

/// Limit of a single poll, well below the longest timeout of poll(2), 2^31 ms.
const LONGEST_POLL: Duration = Duration::from_secs(3600);

/// A flag that is raised once and never lowered, with an eventfd(2) that is readable from then on.
/// Edge-triggered watchers can also be woken without raising the flag.
#[derive(Debug)]
pub struct StopFlag {
    raised: AtomicBool,
    resets: AtomicBool,
    event: EventFd,
}

impl StopFlag {
    ///
    /// # Errors
    /// The errors of eventfd(2): EMFILE, ENFILE.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            raised: AtomicBool::new(false),
            resets: AtomicBool::new(false),
            event: EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?,
        })
    }

    /// Raises the flag and wakes all watchers.
    pub fn raise(&self) {
        self.raised.store(true, Ordering::SeqCst);
        self.ring();
    }

    /// Raises the flag, and makes connections be reset instead of closed.
    pub fn raise_to_reset(&self) {
        self.resets.store(true, Ordering::SeqCst);
        self.raise();
    }

    /// Returns whether the flag was raised to reset connections.
    pub fn resets(&self) -> bool {
        self.resets.load(Ordering::SeqCst)
    }

    /// Wakes edge-triggered watchers of the descriptor.
    pub fn ring(&self) {
        // This fails only if the counter is full; then it is readable already.
        let _already_readable = self.event.write(1);
    }

    /// Returns whether the flag has been raised.
    pub fn is_raised(&self) -> bool {
        self.raised.load(Ordering::SeqCst)
    }

    /// Waits in poll(2) until the flag is raised. Nothing else may wake the watchers of this flag.
    pub fn wait(&self) {
        while !self.is_raised() {
            let mut fds = [PollFd::new(self.event.as_fd(), PollFlags::POLLIN)];
            let _interrupted = poll(&mut fds, PollTimeout::NONE);
        }
    }

    /// Like [`Self::wait`], but only up to a time. Returns whether the flag is raised.
    pub fn wait_until(&self, moment: Instant) -> bool {
        loop {
            let left = moment.saturating_duration_since(Instant::now());
            if self.is_raised() || left.is_zero() {
                return self.is_raised();
            }
            // poll(2) counts milliseconds; adding one avoids spinning at the end.
            let left = left.min(LONGEST_POLL) + Duration::from_millis(1);
            let mut fds = [PollFd::new(self.event.as_fd(), PollFlags::POLLIN)];
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let _interrupted = poll(&mut fds, timeout);
        }
    }
}

impl AsFd for StopFlag {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}
