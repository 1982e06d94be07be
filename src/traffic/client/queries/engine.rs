//! The engine of a client that sends queries: one thread, one epoll instance, one absolute timer.
//!
//! A *lookup* is due at each point of the schedule and sends `at-once` queries from one socket. A query is tried again
//! after its timeout, or at once if its socket reports an error. Such an error does not say which query it belongs to,
//! so it counts for the oldest of the socket.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::Duration;

use super::super::report::LoadStats;
use super::QueryPlan;
use super::message;
use super::senders::Senders;
use crate::metrics::queries::{ANSWERED, BYTES, FAILED, IN_FLIGHT, LATE, RETRIES, SENT};
use crate::record::{Offset, RunClock};
use crate::scenario::workload::QuerySockets;
use crate::sys::readiness::{Epoll, Interest, ReadinessSet};
use crate::sys::timer::{Alarm, thread_cpu_time};
use crate::sys::wake::StopFlag;
use crate::sys::{sched, sockopt};
use crate::traffic::actor_metrics::ActorMetrics;
use crate::traffic::client::epoll_engine::PRIORITY_RATE;
use crate::traffic::slab::TokenSlab;
use crate::traffic::socket_options::{self, OptionError};

/// Consecutive lookups before answers are read.
const BURST: usize = 64;
/// The longest datagram: 16 bits of length (RFC 768).
const LONGEST: usize = 65_536;

const STOP: u64 = u64::MAX;
const ALARM: u64 = u64::MAX - 1;

/// A connected socket with its open queries.
#[derive(Debug)]
struct QuerySocket {
    socket: Arc<UdpSocket>,
    open: BTreeMap<u16, OpenQuery>,
    next_id: u16,
    opened: u64,
}

/// A query that has neither an answer nor failed.
#[derive(Debug, Clone, Copy)]
struct OpenQuery {
    /// Its number among the queries of its socket.
    number: u64,
    /// Scheduled start, from which latency is measured.
    intended: Offset,
    /// Time at which this try ends.
    deadline: Offset,
    tries_left: u32,
}

/// The state of the engine.
pub(super) struct QueryEngine<'a> {
    plan: &'a QueryPlan,
    metrics: &'a ActorMetrics,
    stop: &'a StopFlag,
    clock: RunClock,
    epoll: Epoll,
    alarm: Alarm,
    armed: Option<Offset>,
    /// The next lookup.
    next: u64,
    sockets: TokenSlab<QuerySocket>,
    /// The socket of all queries, with `sockets: one`.
    shared: Option<u64>,
    /// The deadlines of all tries, in order, because all have the same timeout.
    deadlines: VecDeque<(Offset, u64, u16)>,
    open: u64,
    stats: LoadStats,
    /// The threads of a client with `threads`.
    senders: Option<Senders>,
    buffer: Vec<u8>,
}

impl<'a> QueryEngine<'a> {
    /// Opens the descriptors that the engine needs.
    pub(super) fn new(
        plan: &'a QueryPlan,
        metrics: &'a ActorMetrics,
        stop: &'a StopFlag,
        clock: RunClock,
    ) -> io::Result<Self> {
        let mut epoll = Epoll::new()?;
        let alarm = Alarm::new(clock.instant(Offset::ZERO))?;
        epoll.watch(stop.as_fd().as_raw_fd(), STOP, Interest::Read)?;
        epoll.watch(alarm.as_fd().as_raw_fd(), ALARM, Interest::Read)?;
        let threads = plan.queries.threads;
        let senders = threads.then(|| Senders::start(plan.queries.at_once));
        Ok(Self {
            plan,
            metrics,
            stop,
            clock,
            epoll,
            alarm,
            armed: None,
            next: 0,
            sockets: TokenSlab::new(),
            shared: None,
            deadlines: VecDeque::new(),
            open: 0,
            stats: LoadStats::new("udp"),
            senders: senders.transpose()?,
            buffer: vec![0; LONGEST],
        })
    }

    /// Sends every query and waits until each has ended, or until the client is stopped.
    pub(super) fn run(mut self) -> io::Result<LoadStats> {
        let cpu_before = thread_cpu_time()?;
        let peak = self.plan.queries.schedule.peak_rate().as_per_second();
        // Without permission, starts are as late as the machine makes them, and the report shows it.
        let has_priority = peak <= PRIORITY_RATE && sched::run_before_others().is_ok();
        let mut ready = Vec::new();
        while !self.stop.is_raised() {
            let due_again = self.look_up_what_is_due();
            self.expire();
            if self.is_done() {
                break;
            }
            if !due_again {
                self.arm()?;
            }
            ready.clear();
            self.epoll.wait_or_poll(&mut ready, !due_again)?;
            for token in ready.drain(..) {
                match token {
                    STOP => {}
                    ALARM => {
                        self.alarm.unset()?;
                        self.armed = None;
                    }
                    token => self.receive(token),
                }
            }
        }
        if has_priority {
            let _cannot_fail = sched::run_with_others();
        }
        self.stats.ended = self.clock.now();
        let cpu = thread_cpu_time()?.saturating_sub(cpu_before);
        self.stats.cpu = crate::units::as_nanos(cpu);
        Ok(self.stats)
    }

    fn is_done(&self) -> bool {
        self.open == 0 && self.next == self.plan.queries.schedule.count
    }

    /// Returns the time of the next lookup. The clock reads zero until it starts, so nothing may be due at zero.
    fn next_due(&self) -> Option<Offset> {
        let schedule = &self.plan.queries.schedule;
        (self.next < schedule.count).then(|| {
            let after = self.plan.begin.as_duration() + schedule.start_of(self.next);
            Offset::from_duration(after.max(Duration::from_nanos(1)))
        })
    }

    /// Starts due lookups, up to one burst. Returns true if more are due.
    fn look_up_what_is_due(&mut self) -> bool {
        for _ in 0..BURST {
            let now = self.clock.now();
            match self.next_due() {
                Some(due) if due <= now => self.look_up(due, now),
                _ => return false,
            }
        }
        true
    }

    fn look_up(&mut self, due: Offset, now: Offset) {
        let index = self.next;
        self.next += 1;
        self.stats.start(now, due);
        let at_once = self.plan.queries.at_once;
        let token = match self.socket(index) {
            Ok(token) => token,
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(libc::EIO);
                return self.metrics.update(now, |counts| {
                    for _ in 0..at_once {
                        counts.add(&FAILED, 1);
                        counts.error(errno);
                    }
                });
            }
        };
        let deadline = self.deadline(now);
        let mut ids = Vec::with_capacity(at_once as usize);
        if let Some(socket) = self.sockets.get_mut(token) {
            for _ in 0..at_once {
                ids.push(socket.open(due, deadline, self.plan.queries.retries));
            }
        }
        self.open += u64::from(at_once);
        self.metrics
            .update(now, |counts| counts.add(&IN_FLIGHT, i64::from(at_once)));
        for (id, result) in self.send_together(token, &ids) {
            self.send(token, id, result);
        }
        self.close_if_done(token);
    }

    /// Returns the socket of a lookup.
    fn socket(&mut self, index: u64) -> io::Result<u64> {
        if let Some(token) = self.shared {
            return Ok(token);
        }
        let plan = self.plan;
        let socket = sockopt::udp_socket(plan.target.ip())?;
        socket_options::apply(&plan.options, &socket, plan.target.ip())
            .map_err(OptionError::into_source)?;
        if !plan.sources.is_empty() {
            let source = usize::try_from(index % plan.sources.len() as u64).unwrap_or(0);
            sockopt::bind_address(&socket, plan.sources[source])?;
        }
        socket.connect(&plan.target.into())?;
        let fd = socket.as_raw_fd();
        let token = self.sockets.insert(QuerySocket {
            socket: Arc::new(socket.into()),
            open: BTreeMap::new(),
            next_id: 0,
            opened: 0,
        });
        if let Err(error) = self.epoll.watch(fd, token, Interest::Read) {
            self.sockets.remove(token);
            return Err(error);
        }
        if plan.queries.sockets == QuerySockets::One {
            self.shared = Some(token);
        }
        Ok(token)
    }

    fn deadline(&self, now: Offset) -> Offset {
        Offset::from_duration(now.as_duration().saturating_add(self.plan.queries.timeout))
    }

    /// Sends the queries of a lookup at the same moment, if the client has threads for that, and returns the results.
    fn send_together(&mut self, token: u64, ids: &[u16]) -> Vec<(u16, Option<io::Result<usize>>)> {
        let bytes = |id: &u16| message::query(*id, self.plan.queries.bytes as usize);
        let socket = self.sockets.get_mut(token);
        let results = match (&mut self.senders, socket) {
            (Some(senders), Some(socket)) => {
                let results = senders.send(&socket.socket, ids.iter().map(bytes).collect());
                results.into_iter().map(Some).collect()
            }
            _ => Vec::new(),
        };
        let results = results.into_iter().chain(std::iter::repeat_with(|| None));
        ids.iter().copied().zip(results).collect()
    }

    /// Sends a query, and again for as long as its socket has errors and it has tries left. `result` is that of the
    /// first try, if it has been sent already.
    fn send(&mut self, token: u64, id: u16, mut result: Option<io::Result<usize>>) {
        let bytes = message::query(id, self.plan.queries.bytes as usize);
        loop {
            let Some(socket) = self.sockets.get_mut(token) else {
                return;
            };
            let Some(query) = socket.open.get(&id).copied() else {
                return;
            };
            let result = result.take().unwrap_or_else(|| socket.socket.send(&bytes));
            match result {
                Ok(_) => {
                    self.metrics
                        .update(self.clock.now(), |counts| counts.add(&SENT, 1));
                    self.deadlines.push_back((query.deadline, token, id));
                    return;
                }
                Err(error) => {
                    let errno = error.raw_os_error().unwrap_or(libc::EIO);
                    let oldest = socket.oldest();
                    match oldest {
                        // An ICMP message has answered an earlier datagram (udp(7)), and nothing has been sent now.
                        Some(oldest) if oldest != id && errno == libc::ECONNREFUSED => {
                            self.try_failed(token, oldest, errno);
                        }
                        _ => {
                            if !self.may_try_again(token, id, errno) {
                                return;
                            }
                        }
                    }
                }
            }
        }
    }

    /// Ends a try with an error, and sends the query again if it has tries left.
    fn try_failed(&mut self, token: u64, id: u16, errno: i32) {
        if self.may_try_again(token, id, errno) {
            self.send(token, id, None);
        }
    }

    /// Uses up a try. Without one, the query fails.
    fn may_try_again(&mut self, token: u64, id: u16, errno: i32) -> bool {
        let now = self.clock.now();
        let deadline = self.deadline(now);
        let Some(socket) = self.sockets.get_mut(token) else {
            return false;
        };
        let Some(query) = socket.open.get_mut(&id) else {
            return false;
        };
        if query.tries_left > 0 {
            query.tries_left -= 1;
            query.deadline = deadline;
            self.metrics.update(now, |counts| counts.add(&RETRIES, 1));
            return true;
        }
        socket.open.remove(&id);
        self.open -= 1;
        self.metrics.update(now, |counts| {
            counts.add(&FAILED, 1);
            counts.add(&IN_FLIGHT, -1);
            counts.error(errno);
        });
        false
    }

    /// Reads the answers and errors of a socket.
    fn receive(&mut self, token: u64) {
        // A flood of answers must not delay the schedule.
        for _ in 0..BURST {
            let Some(socket) = self.sockets.get_mut(token) else {
                return;
            };
            match socket.socket.recv(&mut self.buffer) {
                Ok(length) => self.answered(token, length),
                Err(error) => match error.raw_os_error().unwrap_or(libc::EIO) {
                    libc::EAGAIN => break,
                    libc::EINTR => {}
                    errno => {
                        if let Some(oldest) = socket.oldest() {
                            self.try_failed(token, oldest, errno);
                        }
                    }
                },
            }
        }
        self.close_if_done(token);
    }

    fn answered(&mut self, token: u64, length: usize) {
        let now = self.clock.now();
        let Some(socket) = self.sockets.get_mut(token) else {
            return;
        };
        let query = message::id_of(&self.buffer[..length]).and_then(|id| socket.open.remove(&id));
        self.open -= u64::from(query.is_some());
        self.metrics.update(now, |counts| {
            counts.add(&BYTES, i64::try_from(length).unwrap_or(i64::MAX));
            match query {
                Some(query) => {
                    counts.add(&ANSWERED, 1);
                    counts.add(&IN_FLIGHT, -1);
                    counts.latency(now.0.saturating_sub(query.intended.0));
                }
                None => counts.add(&LATE, 1),
            }
        });
    }

    fn close_if_done(&mut self, token: u64) {
        let done = self
            .sockets
            .get_mut(token)
            .is_some_and(|socket| socket.open.is_empty());
        if done && self.shared.is_none() {
            self.sockets.remove(token);
        }
    }

    /// Ends the tries whose time is over.
    fn expire(&mut self) {
        let now = self.clock.now();
        while let Some((deadline, token, id)) = self.deadlines.front().copied()
            && deadline <= now
        {
            self.deadlines.pop_front();
            if self.is_current(deadline, token, id) {
                self.try_failed(token, id, libc::ETIMEDOUT);
                self.close_if_done(token);
            }
        }
    }

    /// Returns true if a query still waits for this deadline: it has neither ended nor been tried again.
    fn is_current(&mut self, deadline: Offset, token: u64, id: u16) -> bool {
        let socket = self.sockets.get_mut(token);
        let query = socket.and_then(|socket| socket.open.get(&id));
        query.is_some_and(|query| query.deadline == deadline)
    }

    /// Sets the alarm to the next due time.
    fn arm(&mut self) -> io::Result<()> {
        while let Some((deadline, token, id)) = self.deadlines.front().copied()
            && !self.is_current(deadline, token, id)
        {
            self.deadlines.pop_front();
        }
        let deadline = self.deadlines.front().map(|(deadline, ..)| *deadline);
        let due = self.next_due().into_iter().chain(deadline).min();
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

impl QuerySocket {
    /// Adds a query and returns its identifier. The scenario bounds the open queries of a socket, so one is free.
    fn open(&mut self, intended: Offset, deadline: Offset, tries_left: u32) -> u16 {
        while self.open.contains_key(&self.next_id) {
            self.next_id = self.next_id.wrapping_add(1);
        }
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        self.opened += 1;
        let query = OpenQuery {
            number: self.opened,
            intended,
            deadline,
            tries_left,
        };
        self.open.insert(id, query);
        id
    }

    fn oldest(&self) -> Option<u16> {
        let oldest = self.open.iter().min_by_key(|(_, query)| query.number);
        oldest.map(|(id, _)| *id)
    }
}
