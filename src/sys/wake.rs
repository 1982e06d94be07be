//! Stopping threads that wait: a flag, and a descriptor that wakes whoever polls.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};

/// Well below the longest timeout of poll(2), 2^31 ms.
const LONGEST_POLL: Duration = Duration::from_secs(3600);

/// A flag that is raised once and never lowered, with an eventfd(2) that is readable from then on. Also a event: it can be rung
/// without raising the flag, for those who watch it edge-triggered.
#[derive(Debug)]
pub struct StopFlag {
    raised: AtomicBool,
    resets: AtomicBool,
    event: EventFd,
}

impl StopFlag {
    /// A flag that is not raised.
    ///
    /// # Errors
    /// Those of eventfd(2): EMFILE, ENFILE.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            raised: AtomicBool::new(false),
            resets: AtomicBool::new(false),
            event: EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?,
        })
    }

    /// Raises the flag and wakes everyone.
    pub fn raise(&self) {
        self.raised.store(true, Ordering::SeqCst);
        self.ring();
    }

    /// Raises the flag, and has connections reset rather than closed.
    pub fn raise_to_reset(&self) {
        self.resets.store(true, Ordering::SeqCst);
        self.raise();
    }

    /// Whether the flag was raised to reset connections.
    pub fn resets(&self) -> bool {
        self.resets.load(Ordering::SeqCst)
    }

    /// Wakes those who watch the descriptor edge-triggered.
    pub fn ring(&self) {
        // It can fail only where the count is full: then it is readable already.
        let _already_readable = self.event.write(1);
    }

    /// Whether the flag is raised.
    pub fn is_raised(&self) -> bool {
        self.raised.load(Ordering::SeqCst)
    }

    /// Waits until the flag is raised, in poll(2); only for those whose event nobody rings otherwise.
    pub fn wait(&self) {
        while !self.is_raised() {
            let mut fds = [PollFd::new(self.event.as_fd(), PollFlags::POLLIN)];
            let _interrupted = poll(&mut fds, PollTimeout::NONE);
        }
    }

    /// Like [`Self::wait`], up to a moment; true where the flag is raised.
    pub fn wait_until(&self, moment: Instant) -> bool {
        loop {
            let left = moment.saturating_duration_since(Instant::now());
            if self.is_raised() || left.is_zero() {
                return self.is_raised();
            }
            // poll(2) counts milliseconds: one more, so as not to spin at the end.
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
