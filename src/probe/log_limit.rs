//! The limit that all network messages of the kernel share: what one lab causes may leave no line for the next.
//!
//! `net_ratelimit()` lets ten messages through in five seconds, machine-wide (Linux `net/core/utils.c`,
//! `net_ratelimit_state`; `net.core.message_cost`, `net.core.message_burst`). What it holds back it tells only later, or never.

use std::collections::VecDeque;
use std::time::Duration;

use super::kernel_log::is_limited;
use crate::scenario::RunSpec;
use crate::sys::kmsg::{Kmsg, LogRecord};
use crate::sys::timer;

/// `net.core.message_cost` where nobody has changed it, in seconds.
pub(super) const INTERVAL: Duration = Duration::from_secs(5);
/// `net.core.message_burst` where nobody has changed it.
const BURST: usize = 10;
/// Others may go on logging for ever: then the run starts all the same, and its record says what was missed.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often the log is looked at while waiting.
const LOOK: Duration = Duration::from_millis(20);

/// Messages of the last interval.
#[derive(Debug, Default)]
pub(super) struct LogLimit(VecDeque<Duration>);

impl LogLimit {
    /// Counts a message. True when it is the one that uses the limit up.
    pub(super) fn take(&mut self, at: Duration) -> bool {
        while self.0.front().is_some_and(|first| *first + INTERVAL <= at) {
            self.0.pop_front();
        }
        self.0.push_back(at);
        self.0.len() == BURST
    }
}

/// Waits until the limit is whole again, where the run's expectations read the kernel's log: no message of the network for
/// an interval. Ends early when asked to, when the log cannot be read, and after 20 s.
pub fn wait_for_quiet_log(spec: &RunSpec, stop: impl Fn() -> bool) {
    if !spec
        .watched
        .iter()
        .any(|series| series.as_str() == "kernel.log")
    {
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
    fn the_tenth_message_within_five_seconds_uses_the_limit_up() {
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
