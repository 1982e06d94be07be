//! The portable engine of a client: one thread, one epoll instance, one absolute timer.
//!
//! Due starts come before connections that are ready, and one that becomes due among them comes before the next of
//! them. No start is skipped: if the thread was held up it catches up in bursts, and the report gives the delay.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use socket2::Socket;

mod pooled;
mod settle;
mod starts;

pub(in crate::traffic) use pooled::is_dead;
pub(in crate::traffic::client) use starts::PRIORITY_RATE;

use self::pooled::PooledRequests;
use self::starts::gathering_time;
use super::ClientShared;
use super::attempt::ConnectionAttempt;
use super::report::LoadStats;
use super::start_queue::StartSlot;
use crate::record::{Offset, RunClock};
use crate::sys::readiness::{Epoll, Interest, ReadinessSet};
use crate::sys::sockopt;
use crate::sys::timer::{Alarm, thread_cpu_time};
use crate::traffic::slab::TokenSlab;

/// Size of the read buffer.
const BUFFER: usize = 64 * 1024;

const STOP: u64 = u64::MAX;
const ALARM: u64 = u64::MAX - 1;

/// The state of the engine.
pub(super) struct EpollEngine<C> {
    client: C,
    clock: RunClock,
    epoll: Epoll,
    alarm: Alarm,
    armed: Option<Offset>,
    /// Time that a start waits for those after it, to share a wake-up.
    gather: Duration,
    /// True if the alarm has fired since it was set.
    fired: bool,
    /// The remaining attempts of this thread: from `next_start` up to `end_start`.
    next_start: u64,
    end_start: u64,
    last_wake: Offset,
    has_priority: bool,
    attempts: TokenSlab<ConnectionAttempt>,
    /// Deadlines of requests and connections, sorted.
    deadlines: VecDeque<(Offset, u64)>,
    /// Times at which an exchange goes on or its step times out, and at which a loop's pause on a connection ends.
    timers: BTreeSet<(Offset, u64)>,
    /// Ends of the pauses of a loop's workers that have no connection, sorted.
    pauses: VecDeque<Offset>,
    pool: PooledRequests,
    held: Vec<Socket>,
    stats: LoadStats,
    buffer: Vec<u8>,
    /// The events of a turn; kept for its memory.
    ready: Vec<u64>,
    /// True if the next turn has something to do at once.
    goes_on: bool,
}

/// The result of an engine's run.
pub(super) struct EngineResult {
    pub(super) stats: LoadStats,
    /// Connections that remain open.
    pub(super) held: Vec<Socket>,
}

impl<C: Deref<Target = ClientShared>> EpollEngine<C> {
    /// Opens the descriptors that the engine needs before the load uses up the rest.
    pub(super) fn new(client: C, clock: RunClock, share: std::ops::Range<u64>) -> io::Result<Self> {
        let mut epoll = Epoll::new()?;
        let alarm = Alarm::new(clock.instant(Offset::ZERO))?;
        epoll.watch(client.stop.as_fd().as_raw_fd(), STOP, Interest::Read)?;
        epoll.watch(alarm.as_fd().as_raw_fd(), ALARM, Interest::Read)?;
        Ok(Self {
            gather: gathering_time(client.plan.starts),
            client,
            clock,
            epoll,
            alarm,
            armed: None,
            fired: false,
            next_start: share.start,
            end_start: share.end,
            last_wake: Offset::ZERO,
            has_priority: false,
            attempts: TokenSlab::new(),
            deadlines: VecDeque::new(),
            timers: BTreeSet::new(),
            pauses: VecDeque::new(),
            pool: PooledRequests::default(),
            held: Vec::new(),
            stats: LoadStats::new("epoll"),
            buffer: vec![0; BUFFER],
            ready: Vec::new(),
            goes_on: true,
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
        while self.turn(true)? {
            if self.next_start == self.end_start {
                slot = None;
            }
        }
        drop(slot);
        self.lose_priority();
        let cpu = thread_cpu_time()?.saturating_sub(cpu_before);
        self.stats.cpu = crate::units::as_nanos(cpu);
        Ok(self.finish())
    }

    /// Does what is due, waits for the next event if `block` is set, and handles what is ready. Returns false if the
    /// load has ended or was stopped.
    pub(super) fn turn(&mut self, block: bool) -> io::Result<bool> {
        let due_again = self.start_what_is_due();
        self.expire();
        if self.client.stop.is_raised() || self.has_ended() {
            return Ok(false);
        }
        if !due_again {
            self.arm()?;
        }
        let mut ready = std::mem::take(&mut self.ready);
        self.epoll.wait_or_poll(&mut ready, block && !due_again)?;
        self.last_wake = self.clock.now();
        let any = !ready.is_empty();
        for token in ready.drain(..) {
            match token {
                STOP => {}
                // It becomes unreadable when it is set again, before the next wait.
                ALARM => self.fired = true,
                token => {
                    self.start_if_due();
                    self.advance(token);
                }
            }
        }
        // What was handled may have changed what is due next, and the alarm is set at the start of a turn.
        self.goes_on = due_again || any;
        self.ready = ready;
        Ok(true)
    }

    /// Returns true if the last turn left something due, or events that may not have been read.
    pub(super) fn is_due(&self) -> bool {
        self.goes_on
    }

    /// Adds processor time that was spent on this client.
    pub(super) fn add_cpu(&mut self, cpu: Duration) {
        self.stats.cpu += crate::units::as_nanos(cpu);
    }

    fn has_ended(&self) -> bool {
        let open = self.attempts.len() - self.pool.idle();
        open == 0 && self.next_start == self.end_start && !self.pool.has_waiting()
    }

    /// Ends a load that has ended or was stopped.
    pub(super) fn finish(mut self) -> EngineResult {
        if self.client.stop.resets() {
            for attempt in self.attempts.values() {
                sockopt::reset_on_close(&attempt.socket);
            }
        }
        self.stats.ended = self.clock.now();
        self.stats.port_choice = self.client.dialer.ports.description;
        EngineResult {
            stats: self.stats,
            held: self.held,
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
        let now = self.clock.now();
        while let Some((at, token)) = self.timers.first().copied()
            && at <= now
        {
            self.timers.pop_first();
            self.timer_fired(token, now);
        }
        self.expire_pool(now);
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
        let start = self.next_due(self.last_wake);
        let start = start.map(|due| Offset::from_duration(due.as_duration() + self.gather));
        let timer = self.timers.first().map(|(at, _)| *at);
        let due = start
            .into_iter()
            .chain(self.next_deadline())
            .chain(timer)
            .chain(self.pool.next_due(&self.client.plan))
            .min();
        if std::mem::take(&mut self.fired) || due != self.armed {
            match due {
                Some(due) => self.alarm.set(due.as_duration())?,
                None => self.alarm.unset()?,
            }
            self.armed = due;
        }
        Ok(())
    }
}

/// Becomes readable when the engine has something to do.
impl<C> AsFd for EpollEngine<C> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}
