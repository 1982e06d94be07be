//! The starts of attempts: when they are due, and opening their connections.

use std::ops::Deref;
use std::time::Duration;

use super::{ClientShared, EpollEngine};
use crate::metrics::client::{ATTEMPTED, FAILED, IN_FLIGHT};
use crate::record::Offset;
use crate::scenario::workload::Starts;
use crate::sys::sched;
use crate::traffic::client::attempt::ConnectionAttempt;

/// Rate per second above which starts share wake-ups, which cost about 17 µs each (measured).
const BATCHING_RATE: f64 = 5_000.0;
/// The least and the most that a start waits for those after it.
const GATHER: [Duration; 2] = [Duration::from_micros(50), Duration::from_micros(75)];
/// Consecutive starts before ready connections continue.
const BURST: usize = 64;
/// Rate per second up to which a pacing thread has priority (`SCHED_FIFO`). At about 30 µs per connection it still
/// blocks some of the time. At 20,000 per second on a busy machine, priority reduces the 99th percentile of the delay
/// from 4 ms to 0.2 ... 0.7 ms (measured).
pub(in crate::traffic::client) const PRIORITY_RATE: f64 = 25_000.0;
/// Delay at which a pacing thread cannot keep up, and gives up its priority.
const CANNOT_KEEP_UP: Duration = Duration::from_millis(100);

impl<C: Deref<Target = ClientShared>> EpollEngine<C> {
    pub(super) fn take_priority(&mut self) {
        if let Starts::Paced(schedule) = self.client.plan.starts {
            let peak = schedule.peak_rate().as_per_second();
            // Without permission, starts are as late as the machine makes them, and the report shows it.
            self.has_priority = peak <= PRIORITY_RATE && sched::run_before_others().is_ok();
        }
    }

    /// Notes that the thread has priority already. It is given up if starts are very late.
    pub(in crate::traffic::client) fn has_priority(&mut self, has_priority: bool) {
        self.has_priority = has_priority;
    }

    pub(super) fn lose_priority(&mut self) {
        if std::mem::take(&mut self.has_priority) {
            let _cannot_fail = sched::run_with_others();
        }
    }

    /// Returns the time of the next start; `None` while it depends on other attempts.
    pub(super) fn next_due(&self, now: Offset) -> Option<Offset> {
        if self.next_start == self.end_start {
            return None;
        }
        match self.client.plan.starts {
            Starts::Paced(schedule) => {
                let after = self.begin().as_duration() + schedule.start_of(self.next_start);
                Some(Offset::from_duration(after))
            }
            Starts::Closed { at_once, .. } => {
                let busy = (self.attempts.len() + self.pauses.len()) as u64;
                if busy < at_once {
                    Some(now.max(self.begin()))
                } else {
                    self.pauses.front().copied()
                }
            }
        }
    }

    /// Returns the time of the first start. It is after zero, because the clock reads zero until it starts.
    fn begin(&self) -> Offset {
        self.client.plan.begin.max(Offset(1))
    }

    /// Starts due attempts, up to one burst. Returns true if more are due.
    pub(super) fn start_what_is_due(&mut self) -> bool {
        for _ in 0..BURST {
            let now = self.clock.now();
            match self.next_due(now) {
                Some(due) if due <= now => self.start(due, now),
                _ => return false,
            }
        }
        true
    }

    /// Starts one attempt if it is due on schedule, so that it is not delayed by all of the connections that are ready.
    pub(super) fn start_if_due(&mut self) {
        if matches!(self.client.plan.starts, Starts::Closed { .. }) {
            return;
        }
        let now = self.clock.now();
        if let Some(due) = self.next_due(now).filter(|due| *due <= now) {
            self.start(due, now);
        }
    }

    fn start(&mut self, intended: Offset, now: Offset) {
        let index = self.next_start;
        self.next_start += 1;
        if let Some(end) = self.pauses.front()
            && *end <= now
        {
            self.pauses.pop_front();
        }
        self.stats.start(now, intended);
        if now.as_duration().saturating_sub(intended.as_duration()) > CANNOT_KEEP_UP {
            self.lose_priority();
        }
        if self.client.plan.pool.is_some() {
            return self.start_pooled(index, intended, now);
        }
        let deadline = self.deadline(now);
        self.dial(index, intended, deadline, true);
    }

    /// Opens a connection for an attempt. `is_new` is false if the attempt has been counted as started.
    pub(super) fn dial(&mut self, index: u64, intended: Offset, deadline: Offset, is_new: bool) {
        let now = self.clock.now();
        let plan = &self.client.plan;
        match self.client.dial(index, now) {
            Ok((socket, lease)) => {
                let mut attempt = ConnectionAttempt::new(socket, lease, intended, deadline);
                let step = attempt.advance(plan, &mut self.buffer, now);
                self.count(&step, is_new);
                self.settle_new(attempt, &step);
            }
            Err(error) => {
                self.client.metrics.update(now, |counts| {
                    if is_new {
                        counts.add(&ATTEMPTED, 1);
                    } else {
                        counts.add(&IN_FLIGHT, -1);
                    }
                    counts.add(&FAILED, 1);
                    counts.error(error.raw_os_error().unwrap_or(libc::EIO));
                });
                self.connection_ended();
            }
        }
    }

    pub(super) fn deadline(&self, now: Offset) -> Offset {
        Offset::from_duration(now.as_duration().saturating_add(self.client.plan.timeout))
    }
}

/// Returns the time that a start waits for those after it. More become due while it and they are carried out, so that a
/// wake-up serves two starts at 10,000 per second and four at 20,000 (measured).
pub(super) fn gathering_time(starts: Starts) -> Duration {
    let Starts::Paced(schedule) = starts else {
        return Duration::ZERO;
    };
    let rate = schedule.mean_rate().as_per_second();
    if rate <= BATCHING_RATE {
        return Duration::ZERO;
    }
    let [least, most] = GATHER;
    let gap = Duration::from_secs_f64(1.0 / rate);
    (gap * 3 / 4).clamp(least, most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::workload::Schedule;
    use crate::units::Rate;

    #[test]
    fn starts_wait_for_others_only_at_high_rates_and_never_for_long() {
        let at = |rate| {
            let rate = Rate::per_second(rate).unwrap();
            gathering_time(Starts::Paced(Schedule {
                from: rate,
                to: rate,
                count: 1_000,
            }))
        };
        assert_eq!(at(1_000.0), Duration::ZERO);
        assert_eq!(at(5_000.0), Duration::ZERO);
        assert_eq!(at(6_000.0), GATHER[1]);
        assert_eq!(at(20_000.0), GATHER[0]);
        assert_eq!(at(1_000_000.0), GATHER[0]);
    }
}
