//! A timer on the monotonic clock, set to a moment rather than to a length of time, so that lateness never adds up.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

/// Time since the zero of `CLOCK_MONOTONIC`.
///
/// # Errors
/// None on Linux, where the clock always exists (clock_gettime(2)).
pub fn monotonic() -> io::Result<Duration> {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)?;
    Ok(now.into())
}

/// A timer (timerfd_create(2)) whose descriptor becomes readable at a moment.
#[derive(Debug)]
pub struct Timer {
    fd: TimerFd,
    at: Option<Duration>,
}

impl Timer {
    /// A timer that is not set.
    ///
    /// # Errors
    /// Those of timerfd_create(2).
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        Ok(Self {
            fd: TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?,
            at: None,
        })
    }

    /// Sets it to a moment of [`monotonic`] time, or unsets it. Its descriptor is readable once the moment has come, and
    /// until it is set again.
    ///
    /// # Errors
    /// Those of timerfd_settime(2).
    pub fn set(&mut self, at: Option<Duration>) -> io::Result<()> {
        if at == self.at {
            return Ok(());
        }
        match at {
            Some(moment) => self.fd.set(
                Expiration::OneShot(TimeSpec::from_duration(moment)),
                TimerSetTimeFlags::TFD_TIMER_ABSTIME,
            )?,
            None => self.fd.unset()?,
        }
        self.at = at;
        Ok(())
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
