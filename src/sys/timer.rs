//! Timers for exact moments, absolute on `CLOCK_MONOTONIC`.
//!
//! Not here: the schedule of what is due.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::clock_gettime;

/// A timer that becomes readable at a time after its origin. Unlike the timeouts of poll(2) and epoll_wait(2)
/// it has no slack (50 us, `PR_SET_TIMERSLACK`).
#[derive(Debug)]
pub struct Alarm {
    timer: TimerFd,
    /// The origin on `CLOCK_MONOTONIC`.
    origin: Duration,
}

impl Alarm {
    /// Creates a timer that is not set.
    ///
    /// # Errors
    /// The errors of timerfd_create(2): EMFILE, ENFILE.
    pub fn new(origin: Instant) -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        Ok(Self {
            timer: TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?,
            origin: monotonic(origin)?,
        })
    }

    /// Sets the timer to a time after the origin; if that has passed, the timer becomes readable at once.
    ///
    /// # Errors
    /// The errors of timerfd_settime(2).
    pub fn set(&self, after_origin: Duration) -> io::Result<()> {
        let at = TimeSpec::from_duration(self.origin + after_origin);
        Ok(self.timer.set(
            Expiration::OneShot(at),
            TimerSetTimeFlags::TFD_TIMER_ABSTIME,
        )?)
    }

    /// Disarms the timer, and makes it unreadable if it had expired.
    ///
    /// # Errors
    /// The errors of timerfd_settime(2).
    pub fn unset(&self) -> io::Result<()> {
        Ok(self.timer.unset()?)
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }
}

/// Converts an instant to a value of `CLOCK_MONOTONIC`, which is the same in every process of a machine.
///
/// # Errors
/// The errors of clock_gettime(2).
pub fn monotonic(moment: Instant) -> io::Result<Duration> {
    let (before, here, after) = (now()?, Instant::now(), now()?);
    // The instant between two readings corresponds to their middle.
    let middle = before + (after - before) / 2;
    Ok(match moment.checked_duration_since(here) {
        Some(ahead) => middle + ahead,
        None => middle.saturating_sub(here - moment),
    })
}

/// Converts a value of `CLOCK_MONOTONIC` to an instant.
///
/// # Errors
/// The errors of clock_gettime(2).
pub fn from_monotonic(count: Duration) -> io::Result<Instant> {
    let (now, here) = (now()?, Instant::now());
    Ok(match count.checked_sub(now) {
        Some(ahead) => here + ahead,
        None => here.checked_sub(now - count).unwrap_or(here),
    })
}

/// Returns the processor time of the calling thread (`CLOCK_THREAD_CPUTIME_ID`, clock_gettime(2)).
///
/// # Errors
/// The errors of clock_gettime(2).
pub fn thread_cpu_time() -> io::Result<Duration> {
    Ok(clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// Returns the current value of `CLOCK_MONOTONIC`, which is close to the clock of the kernel's log.
///
/// # Errors
/// The errors of clock_gettime(2).
pub fn now() -> io::Result<Duration> {
    Ok(clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    #[test]
    fn an_alarm_becomes_readable_at_its_time_and_not_before() {
        let origin = Instant::now();
        let alarm = Alarm::new(origin).unwrap();
        alarm.set(Duration::from_millis(5)).unwrap();
        let mut fds = [PollFd::new(alarm.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut fds, PollTimeout::from(1000u16)).unwrap(), 1);
        assert!(origin.elapsed() >= Duration::from_millis(5) - Duration::from_micros(5));
        alarm.unset().unwrap();
        assert_eq!(poll(&mut fds, PollTimeout::ZERO).unwrap(), 0);
    }

    #[test]
    fn an_instant_survives_the_conversion_to_the_kernels_clock() {
        let moment = Instant::now() + Duration::from_secs(7);
        let back = from_monotonic(monotonic(moment).unwrap()).unwrap();
        let off = back.max(moment) - back.min(moment);
        assert!(off < Duration::from_millis(50), "{off:?}");
    }
}
