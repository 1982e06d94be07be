//! The portable engine of a client: one thread, one epoll instance, one absolute timer.
//!
//! Due starts come before connections that are ready. No start is skipped: if the thread was held up it catches up in
//! bursts, and the report gives the delay.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use socket2::Socket;

use super::ClientShared;
use super::attempt::{AttemptNext, AttemptProgress, ConnectionAttempt, ReplyShape};
use super::plan::ConnectionEnd;
use super::report::LoadStats;
use super::start_queue::StartSlot;
use crate::metrics::client::{ATTEMPTED, BYTES, COMPLETED, ESTABLISHED, FAILED, IN_FLIGHT};
use crate::record::{Offset, RunClock};
use crate::scenario::workload::Starts;
use crate::sys::readiness::{Epoll, Interest, ReadinessSet};
use crate::sys::timer::{Alarm, thread_cpu_time};
use crate::sys::{sched, sockopt};
use crate::traffic::slab::TokenSlab;

/// Consecutive starts before ready connections continue.
const BURST: usize = 64;
/// Rate per second above which starts share wake-ups, which cost about 17 µs each (measured).
const BATCHING_RATE: f64 = 5_000.0;
/// Distance between shared wake-ups. On average a batch is late by half of this.
const BATCH: Duration = Duration::from_micros(200);
/// Rate per second up to which a pacing thread has priority (`SCHED_FIFO`). At about 30 µs per connection it still
/// blocks some of the time. At 20,000 per second on a busy machine, priority reduces the 99th percentile of the delay
/// from 4 ms to 0.2 ... 0.7 ms (measured).
const PRIORITY_RATE: f64 = 25_000.0;
/// Delay at which a pacing thread cannot keep up, and gives up its priority.
const CANNOT_KEEP_UP: Duration = Duration::from_millis(100);
/// Size of the read buffer.
const BUFFER: usize = 64 * 1024;

const STOP: u64 = u64::MAX;
const ALARM: u64 = u64::MAX - 1;

/// The state of the engine.
pub(super) struct EpollEngine<'a> {
    client: &'a ClientShared,
    clock: RunClock,
    epoll: Epoll,
    alarm: Alarm,
    armed: Option<Offset>,
    /// The remaining attempts of this thread: from `next_start` up to `end_start`.
    next_start: u64,
    end_start: u64,
    last_wake: Offset,
    has_priority: bool,
    attempts: TokenSlab<ConnectionAttempt>,
    /// Deadlines in order of start. As all attempts have the same timeout, they are sorted.
    deadlines: VecDeque<(Offset, u64)>,
    held: Vec<Socket>,
    stats: LoadStats,
    last_reply: Option<ReplyShape>,
    buffer: Vec<u8>,
}

/// The result of an engine's run.
pub(super) struct EngineResult {
    pub(super) stats: LoadStats,
    /// Connections that remain open.
    pub(super) held: Vec<Socket>,
    pub(super) last_reply: Option<ReplyShape>,
}

impl<'a> EpollEngine<'a> {
    /// Opens the descriptors that the engine needs before the load uses up the rest.
    pub(super) fn new(
        client: &'a ClientShared,
        clock: RunClock,
        share: std::ops::Range<u64>,
    ) -> io::Result<Self> {
        let mut epoll = Epoll::new()?;
        let alarm = Alarm::new(clock.instant(Offset::ZERO))?;
        epoll.watch(client.stop.as_fd().as_raw_fd(), STOP, Interest::Read)?;
        epoll.watch(alarm.as_fd().as_raw_fd(), ALARM, Interest::Read)?;
        Ok(Self {
            client,
            clock,
            epoll,
            alarm,
            armed: None,
            next_start: share.start,
            end_start: share.end,
            last_wake: Offset::ZERO,
            has_priority: false,
            attempts: TokenSlab::new(),
            deadlines: VecDeque::new(),
            held: Vec::new(),
            stats: LoadStats::new("epoll"),
            last_reply: None,
            buffer: vec![0; BUFFER],
        })
    }

    /// Runs every attempt until it ends or the client is stopped. Returns the connections to hold.
    ///
    /// The start slot passes to the next thread when the last attempt of this thread has started.
    pub(super) fn run(mut self, slot: Option<StartSlot>) -> io::Result<EngineResult> {
        let mut slot = slot;
        let cpu_before = thread_cpu_time()?;
        self.take_priority();
        self.wait_for_begin()?;
        let mut ready = Vec::new();
        while !self.client.stop.is_raised() {
            let due_again = self.start_what_is_due();
            if self.next_start == self.end_start {
                slot = None;
            }
            self.expire();
            if self.attempts.len() == 0 && self.next_start == self.end_start {
                break;
            }
            if !due_again {
                self.arm()?;
            }
            ready.clear();
            self.epoll.wait_or_poll(&mut ready, !due_again)?;
            self.last_wake = self.clock.now();
            for token in ready.drain(..) {
                match token {
                    STOP => {}
                    ALARM => {
                        self.alarm.unset()?;
                        self.armed = None;
                    }
                    token => self.advance(token),
                }
            }
        }
        drop(slot);
        self.lose_priority();
        if self.client.stop.resets() {
            for attempt in self.attempts.values() {
                sockopt::reset_on_close(&attempt.socket);
            }
        }
        self.stats.ended = self.clock.now();
        let cpu = thread_cpu_time()?.saturating_sub(cpu_before);
        self.stats.cpu = crate::units::as_nanos(cpu);
        self.stats.port_choice = self.client.dialer.port_choice;
        Ok(EngineResult {
            stats: self.stats,
            held: self.held,
            last_reply: self.last_reply,
        })
    }

    fn take_priority(&mut self) {
        if let Starts::Paced(schedule) = self.client.plan.starts {
            let peak = schedule
                .from
                .as_per_second()
                .max(schedule.to.as_per_second());
            // Without permission, starts are as late as the machine makes them, and the report shows it.
            self.has_priority = peak <= PRIORITY_RATE && sched::run_before_others().is_ok();
        }
    }

    fn lose_priority(&mut self) {
        if std::mem::take(&mut self.has_priority) {
            let _cannot_fail = sched::run_with_others();
        }
    }

    /// The clock reads zero until it starts, so the first start has to wait for the timer.
    fn wait_for_begin(&mut self) -> io::Result<()> {
        self.alarm.set(self.client.plan.begin.as_duration())?;
        let mut ready = Vec::new();
        while !ready.contains(&ALARM) && !self.client.stop.is_raised() {
            self.epoll.wait(&mut ready)?;
        }
        self.alarm.unset()
    }

    /// Returns the time of the next start; `None` while it depends on other attempts.
    fn next_due(&self, now: Offset) -> Option<Offset> {
        if self.next_start == self.end_start {
            return None;
        }
        match self.client.plan.starts {
            Starts::Paced(schedule) => {
                let after = schedule.start_of(self.next_start);
                Some(Offset::from_duration(
                    self.client.plan.begin.as_duration() + after,
                ))
            }
            Starts::Closed { at_once, .. } => {
                ((self.attempts.len() as u64) < at_once).then_some(now)
            }
        }
    }

    /// Starts due attempts, up to one burst. Returns true if more are due.
    fn start_what_is_due(&mut self) -> bool {
        for _ in 0..BURST {
            let now = self.clock.now();
            match self.next_due(now) {
                Some(due) if due <= now => self.start(due, now),
                _ => return false,
            }
        }
        true
    }

    fn start(&mut self, intended: Offset, now: Offset) {
        let index = self.next_start;
        self.next_start += 1;
        self.stats.start(now, intended);
        if now.as_duration().saturating_sub(intended.as_duration()) > CANNOT_KEEP_UP {
            self.lose_priority();
        }
        let plan = &self.client.plan;
        match self.client.dialer.dial(plan, index, now) {
            Ok((socket, lease)) => {
                let deadline = self.deadline(now);
                let mut attempt = ConnectionAttempt::new(socket, lease, intended, deadline);
                let step = attempt.advance(plan, &mut self.buffer);
                self.count(&step, intended, true);
                self.settle_new(attempt, &step);
            }
            Err(error) => self.client.metrics.update(now, |counts| {
                counts.add(&ATTEMPTED, 1);
                counts.add(&FAILED, 1);
                counts.error(error.raw_os_error().unwrap_or(libc::EIO));
            }),
        }
    }

    fn deadline(&self, now: Offset) -> Offset {
        Offset::from_duration(now.as_duration().saturating_add(self.client.plan.timeout))
    }

    fn settle_new(&mut self, attempt: ConnectionAttempt, step: &AttemptProgress) {
        match step.next {
            AttemptNext::Wait(_) | AttemptNext::Reusable => {
                let deadline = attempt.deadline;
                let token = self.attempts.insert(attempt);
                self.deadlines.push_back((deadline, token));
                self.settle(token, step);
            }
            AttemptNext::Done => self.end(attempt),
            AttemptNext::Failed(_) => self.close(attempt),
        }
    }

    fn advance(&mut self, token: u64) {
        let Some(attempt) = self.attempts.get_mut(token) else {
            return;
        };
        let step = attempt.advance(&self.client.plan, &mut self.buffer);
        let intended = attempt.intended;
        self.count(&step, intended, false);
        self.settle(token, &step);
    }

    /// Carries out the next action for an attempt.
    fn settle(&mut self, token: u64, step: &AttemptProgress) {
        match step.next {
            AttemptNext::Wait(interest) => self.watch(token, interest),
            AttemptNext::Reusable if self.next_start < self.end_start => self.reuse(token),
            AttemptNext::Done | AttemptNext::Reusable => {
                if let Some(attempt) = self.attempts.remove(token) {
                    self.end(attempt);
                }
            }
            AttemptNext::Failed(_) => {
                if let Some(attempt) = self.attempts.remove(token) {
                    self.close(attempt);
                }
            }
        }
    }

    fn reuse(&mut self, token: u64) {
        self.next_start += 1;
        let now = self.clock.now();
        let deadline = self.deadline(now);
        self.stats.start(now, now);
        let Some(attempt) = self.attempts.get_mut(token) else {
            return;
        };
        attempt.restart(now, deadline);
        self.deadlines.push_back((deadline, token));
        let step = attempt.advance(&self.client.plan, &mut self.buffer);
        self.count(&step, now, true);
        // A reply needs a round trip after its request, so this recursion ends.
        self.settle(token, &step);
    }

    fn watch(&mut self, token: u64, interest: Interest) {
        let Some(attempt) = self.attempts.get_mut(token) else {
            return;
        };
        let fd = attempt.socket.as_raw_fd();
        let result = match attempt.watched.replace(interest) {
            None => self.epoll.watch(fd, token, interest),
            Some(before) if before != interest => self.epoll.change(fd, token, interest),
            Some(_) => Ok(()),
        };
        if let Err(error) = result {
            self.fail(token, error.raw_os_error().unwrap_or(libc::EIO));
        }
    }

    fn expire(&mut self) {
        if self.deadlines.is_empty() {
            return;
        }
        let now = self.clock.now();
        while let Some((deadline, token)) = self.deadlines.front().copied()
            && deadline <= now
        {
            self.deadlines.pop_front();
            // A later attempt on the same connection has its own deadline in the queue.
            if self
                .attempts
                .get_mut(token)
                .is_some_and(|attempt| attempt.deadline <= now)
            {
                self.fail(token, libc::ETIMEDOUT);
            }
        }
    }

    fn fail(&mut self, token: u64, errno: i32) {
        if let Some(attempt) = self.attempts.remove(token) {
            self.close(attempt);
            self.client.metrics.update(self.clock.now(), |counts| {
                counts.add(&FAILED, 1);
                counts.add(&IN_FLIGHT, -1);
                counts.error(errno);
            });
        }
    }

    fn count(&mut self, step: &AttemptProgress, intended: Offset, is_new: bool) {
        self.last_reply = step.replied.or(self.last_reply);
        let now = self.clock.now();
        let exchanges = self.client.plan.request.is_some();
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
                counts.latency(now.0.saturating_sub(intended.0));
            }
            if let Some(status) = step.replied.and_then(|reply| reply.status) {
                counts.status(status);
            }
            if step.bytes > 0 {
                counts.add(&BYTES, i64::try_from(step.bytes).unwrap_or(i64::MAX));
            }
            let goes_on = matches!(step.next, AttemptNext::Wait(_));
            match step.next {
                AttemptNext::Wait(_) => {}
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

    fn close(&self, attempt: ConnectionAttempt) {
        let lease = attempt.lease;
        drop(attempt);
        self.client.dialer.closed(lease);
    }

    /// Returns the deadline of the oldest attempt in progress.
    fn next_deadline(&mut self) -> Option<Offset> {
        while let Some((deadline, token)) = self.deadlines.front().copied() {
            let attempt = self.attempts.get_mut(token);
            if attempt.is_some_and(|attempt| attempt.deadline == deadline) {
                return Some(deadline);
            }
            self.deadlines.pop_front();
        }
        None
    }

    /// Sets the alarm to the next due time.
    fn arm(&mut self) -> io::Result<()> {
        let start = self
            .next_due(self.last_wake)
            .map(|due| match self.client.plan.starts {
                Starts::Paced(schedule) if schedule.mean_rate().as_per_second() > BATCHING_RATE => {
                    due.max(Offset::from_duration(self.last_wake.as_duration() + BATCH))
                }
                _ => due,
            });
        let due = start.into_iter().chain(self.next_deadline()).min();
        if due != self.armed {
            match due {
                Some(due) => self.alarm.set(due.as_duration())?,
                None => self.alarm.unset()?,
            }
            self.armed = due;
        }
        Ok(())
    }
}
