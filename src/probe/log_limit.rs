//! The rate limit that all network messages of the kernel share, so that one lab can use it up for the next.
//!
//! `net_ratelimit()` allows ten messages in five seconds on the whole machine (Linux `net/core/utils.c`,
//! `net_ratelimit_state`; `net.core.message_cost`, `net.core.message_burst`). The kernel reports the suppressed
//! ones later or never.

use std::collections::VecDeque;
use std::time::Duration;

use super::kernel_log::is_limited;
use crate::scenario::RunSpec;
use crate::sys::kmsg::{Kmsg, LogRecord};
use crate::sys::timer;

/// The default of `net.core.message_cost`, in seconds.
pub(super) const INTERVAL: Duration = Duration::from_secs(5);
/// The default of `net.core.message_burst`.
const BURST: usize = 10;
/// The longest wait. If others keep logging, the run starts all the same, and its record says what is missing.
const PATIENCE: Duration = Duration::from_secs(20);
/// The interval at which the log is read during the wait.
const LOOK: Duration = Duration::from_millis(20);

/// The times of the messages of the last interval.
#[derive(Debug, Default)]
pub(super) struct LogLimit(VecDeque<Duration>);

impl LogLimit {
    /// Counts a message. Returns true if it is the one that uses up the limit.
    pub(super) fn take(&mut self, at: Duration) -> bool {
        while self.0.front().is_some_and(|first| *first + INTERVAL <= at) {
            self.0.pop_front();
        }
        self.0.push_back(at);
        self.0.len() == BURST
    }
}

/// Waits until the rate limit is whole again, that is, until there was no network message for an interval, if the run's
/// expectations read the kernel's log. Ends early if `stop` says so or the log cannot be read, and after 20 s.
pub fn wait_for_quiet_log(spec: &RunSpec, stop: impl Fn() -> bool) {
    if !spec.reads_log() {
        return;
    }
    let (Ok(mut log), Ok(began)) = (Kmsg::open(), timer::now()) else {
        return;
    };
    let mut last = None;
    while !stop() {
        while let Ok(Some(record)) = log.take() {
            if let LogRecord::Line { at, text } = record
                && is_limited(&text)
            {
                last = Some(at);
            }
        }
        let Ok(now) = timer::now() else { return };
        if last.is_none_or(|last| last + INTERVAL < now) || now > began + PATIENCE {
            return;
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tenth_message_within_five_seconds_uses_up_the_limit() {
        let mut limit = LogLimit::default();
        let used_up: Vec<bool> = (0..12)
            .map(|n| limit.take(Duration::from_millis(n * 100)))
            .collect();
        assert_eq!(used_up.iter().position(|up| *up), Some(9));
    }

    #[test]
    fn messages_that_are_far_apart_leave_the_limit_whole() {
        let mut limit = LogLimit::default();
        assert!(!(0..100).any(|n| limit.take(Duration::from_secs(n))));
    }
}
