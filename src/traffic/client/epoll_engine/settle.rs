//! The state of an attempt after each step: it waits, pauses, ends, fails, or its connection is used again.

use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::time::Duration;

use super::{ClientShared, EpollEngine};
use crate::metrics::Metric;
use crate::metrics::client::{
    ATTEMPTED, BYTES, CLOSED_BY_CLIENT, CLOSED_BY_SERVER, COMPLETED, ESTABLISHED, FAILED, IN_FLIGHT,
};
use crate::record::Offset;
use crate::sys::readiness::{Interest, ReadinessSet};
use crate::traffic::client::attempt::{
    AttemptNext, AttemptProgress, ClosingSide, ConnectionAttempt,
};
use crate::traffic::client::plan::ConnectionEnd;

impl<C: Deref<Target = ClientShared>> EpollEngine<C> {
    pub(super) fn settle_new(&mut self, attempt: ConnectionAttempt, step: &AttemptProgress) {
        match step.next {
            AttemptNext::Wait(_)
            | AttemptNext::Pause
            | AttemptNext::Again
            | AttemptNext::Reusable => {
                let deadline = attempt.deadline;
                let token = self.attempts.insert(attempt);
                self.add_deadline(deadline, token);
                self.settle(token, step);
            }
            AttemptNext::Done => {
                self.end(attempt);
                self.connection_ended();
            }
            AttemptNext::Failed(_) => {
                self.close(attempt);
                self.connection_ended();
            }
        }
    }

    pub(super) fn advance(&mut self, token: u64) {
        let Some(attempt) = self.attempts.get_mut(token) else {
            return;
        };
        let plan = &self.client.plan;
        let step = attempt.advance(plan, &mut self.buffer, self.clock.now());
        self.count(&step, false);
        self.settle(token, &step);
    }

    /// Carries out the next action for an attempt.
    fn settle(&mut self, token: u64, step: &AttemptProgress) {
        match step.next {
            AttemptNext::Wait(interest) => {
                self.watch(token, interest);
                self.set_timer(token);
            }
            AttemptNext::Pause => {
                self.watch(token, Interest::Nothing);
                self.set_timer(token);
            }
            // Each round completes a reply, so this recursion is as deep as the exchange is long.
            AttemptNext::Again => self.advance(token),
            AttemptNext::Reusable if self.client.plan.pool.is_some() => self.give_back(token),
            AttemptNext::Reusable if self.next_start < self.end_start => {
                if self.client.plan.think.is_zero() {
                    self.reuse(token);
                } else {
                    self.think(token);
                }
            }
            AttemptNext::Done | AttemptNext::Reusable => {
                if let Some(attempt) = self.attempts.remove(token) {
                    // A connection that could carry another request, but there is none.
                    if step.next == AttemptNext::Reusable {
                        let side = attempt.closing_side();
                        (self.client.metrics)
                            .update(self.clock.now(), |counts| counts.add(closed_by(side), 1));
                    }
                    self.end(attempt);
                }
                self.connection_ended();
            }
            AttemptNext::Failed(_) => {
                if let Some(attempt) = self.attempts.remove(token) {
                    self.close(attempt);
                }
                self.connection_ended();
            }
        }
    }

    /// Adds a deadline. Only those of requests that waited for a connection of a pool come before others.
    pub(super) fn add_deadline(&mut self, deadline: Offset, token: u64) {
        if self.client.plan.script.is_empty() {
            let place = self
                .deadlines
                .partition_point(|(other, _)| *other <= deadline);
            self.deadlines.insert(place, (deadline, token));
        }
    }

    /// Sets the timer of an exchange, whose steps each have their own time.
    fn set_timer(&mut self, token: u64) {
        if !self.client.plan.script.is_empty()
            && let Some(attempt) = self.attempts.get_mut(token)
        {
            self.timers.insert((attempt.due(), token));
        }
    }

    /// Keeps a connection without looking at it.
    pub(super) fn park(&mut self, token: u64) {
        if let Some(attempt) = self.attempts.get_mut(token) {
            attempt.park();
        }
        self.watch(token, Interest::Nothing);
    }

    /// Keeps a connection for the pause of its worker.
    fn think(&mut self, token: u64) {
        self.park(token);
        let now = self.clock.now().as_duration();
        let until = Offset::from_duration(now + self.client.plan.think);
        self.timers.insert((until, token));
    }

    /// Lets a worker without a connection pause before its next attempt.
    fn pause_worker(&mut self) {
        let think = self.client.plan.think;
        if !think.is_zero() {
            let now = self.clock.now().as_duration();
            self.pauses.push_back(Offset::from_duration(now + think));
        }
    }

    pub(super) fn connection_ended(&mut self) {
        self.pause_worker();
        self.serve_waiting();
    }

    pub(super) fn timer_fired(&mut self, token: u64, now: Offset) {
        let Some(attempt) = self.attempts.get_mut(token) else {
            return;
        };
        if self.client.plan.script.is_empty() {
            // The pause of a loop's worker. All requests may have been started by others meanwhile.
            if self.next_start < self.end_start {
                self.reuse(token);
            } else if let Some(attempt) = self.attempts.remove(token) {
                self.end(attempt);
            }
        } else if attempt.is_paused() && attempt.due() <= now {
            self.advance(token);
        } else if attempt.due() <= now {
            self.fail(token, libc::ETIMEDOUT);
        }
    }

    fn reuse(&mut self, token: u64) {
        self.next_start += 1;
        let now = self.clock.now();
        let deadline = self.deadline(now);
        self.stats.start(now, now);
        self.restart(token, now, deadline, true);
    }

    /// Starts an attempt on an open connection. `is_new` is false if the attempt has been counted as started.
    pub(super) fn restart(&mut self, token: u64, intended: Offset, deadline: Offset, is_new: bool) {
        let Some(attempt) = self.attempts.get_mut(token) else {
            return;
        };
        attempt.restart(intended, deadline);
        self.add_deadline(deadline, token);
        let now = self.clock.now();
        let Some(attempt) = self.attempts.get_mut(token) else {
            return;
        };
        let step = attempt.advance(&self.client.plan, &mut self.buffer, now);
        self.count(&step, is_new);
        // A reply needs a round trip after its request, so this recursion ends.
        self.settle(token, &step);
    }

    pub(super) fn fail(&mut self, token: u64, errno: i32) {
        if let Some(attempt) = self.attempts.remove(token) {
            self.close(attempt);
            self.client.metrics.update(self.clock.now(), |counts| {
                counts.add(&FAILED, 1);
                counts.add(&IN_FLIGHT, -1);
                counts.error(errno);
            });
            self.connection_ended();
        }
    }

    pub(super) fn count(&mut self, step: &AttemptProgress, is_new: bool) {
        let now = self.clock.now();
        let exchanges = self.client.plan.exchanges();
        self.client.metrics.update(now, |counts| {
            if is_new {
                counts.add(&ATTEMPTED, 1);
            }
            if step.established {
                counts.add(&ESTABLISHED, 1);
            }
            let is_there = if exchanges {
                step.replied.is_some()
            } else {
                step.established
            };
            if is_there {
                counts.latency(now.0.saturating_sub(step.since.0));
            }
            if let Some(status) = step.replied.and_then(|reply| reply.status) {
                counts.status(status);
            }
            if step.bytes > 0 {
                counts.add(&BYTES, i64::try_from(step.bytes).unwrap_or(i64::MAX));
            }
            if let Some(side) = step.closed_by {
                counts.add(closed_by(side), 1);
            }
            let goes_on = matches!(
                step.next,
                AttemptNext::Wait(_) | AttemptNext::Pause | AttemptNext::Again
            );
            match step.next {
                AttemptNext::Wait(_) | AttemptNext::Pause | AttemptNext::Again => {}
                AttemptNext::Done | AttemptNext::Reusable => counts.add(&COMPLETED, 1),
                AttemptNext::Failed(errno) => {
                    counts.add(&FAILED, 1);
                    counts.error(errno);
                }
            }
            let change = i64::from(is_new) - i64::from(!goes_on);
            if change != 0 {
                counts.add(&IN_FLIGHT, change);
            }
        });
    }

    /// Ends a connection as the plan says.
    fn end(&mut self, attempt: ConnectionAttempt) {
        match self.client.plan.end {
            ConnectionEnd::Hold => {
                if attempt.watched.is_some() {
                    self.epoll.unwatch(attempt.socket.as_raw_fd());
                }
                self.held.push(attempt.socket);
            }
            ConnectionEnd::Reset => {
                let _gone_already = attempt.socket.set_linger(Some(Duration::ZERO));
                self.close(attempt);
            }
            ConnectionEnd::Close
            | ConnectionEnd::AwaitClose
            | ConnectionEnd::AsAnnounced
            | ConnectionEnd::Reuse => self.close(attempt),
        }
    }

    pub(super) fn close(&self, attempt: ConnectionAttempt) {
        let lease = attempt.lease;
        drop(attempt);
        self.client.dialer.closed(lease);
    }
}

/// Returns the counter of connections that a side closed first.
fn closed_by(side: ClosingSide) -> &'static Metric {
    match side {
        ClosingSide::Client => &CLOSED_BY_CLIENT,
        ClosingSide::Server => &CLOSED_BY_SERVER,
    }
}
