//! A single-threaded server around a readiness mechanism. It accepts and serves without blocking.
//!
//! If `accept(2)` finds no free descriptor, the loop counts the error and stops accepting until one of its connections
//! closes, or for [`RETRY_PAUSE`]. Meanwhile the accept queue fills.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::{Duration, Instant};

use socket2::Socket;

use super::conversation::{Conversation, ConversationNext, ConversationProgress};
use super::{ServerShared, acceptors::Acceptor};
use crate::record::{Offset, RunClock};
use crate::sys::readiness::{Interest, ReadinessSet};
use crate::sys::sockopt;
use crate::sys::timer::Alarm;
use crate::traffic::slab::TokenSlab;
use crate::traffic::socket_options;

/// Pause before a server without free descriptors tries again. nginx waits 500 ms (`accept_mutex_delay`), libuv
/// does not wait; 10 ms limits both the load of retrying and the delay.
const RETRY_PAUSE: Duration = Duration::from_millis(10);
/// Consecutive accepts before connections continue.
const ACCEPTS_IN_A_ROW: usize = 64;
/// Size of the read buffer.
const BUFFER: usize = 64 * 1024;

const LISTENER: u64 = u64::MAX;
const STOP: u64 = u64::MAX - 1;
const ALARM: u64 = u64::MAX - 2;

/// A connection, with the state that the loop keeps for it.
struct WatchedConnection {
    conversation: Conversation,
    interest: Interest,
    /// Time since which it waits for another request; `None` before the first reply and during a request.
    idle_since: Option<Offset>,
    /// True if it is in the queue of idle connections.
    queued: bool,
}

/// The state of the loop.
pub(super) struct EventLoop<'a, R> {
    shared: &'a ServerShared,
    listener: &'a Socket,
    readiness: R,
    /// Pause before each accept, if the scenario has one.
    delay: Option<Duration>,
    acceptor: Option<&'a Acceptor>,
    connections: TokenSlab<WatchedConnection>,
    idle: BTreeSet<(Offset, u64)>,
    /// Connections whose replies are to go on, by time.
    paused: BTreeSet<(Offset, u64)>,
    /// Time at which the listener is watched again; `None` while it is watched, or belongs to another acceptor.
    accept_at: Option<Offset>,
    listening: bool,
    /// True if accepting waits for a free descriptor.
    out_of_descriptors: bool,
    /// True if a connection has closed since then.
    descriptor_freed: bool,
    clock: RunClock,
    alarm: Alarm,
    armed: Option<Offset>,
    buffer: Vec<u8>,
}

impl<'a, R: ReadinessSet> EventLoop<'a, R> {
    /// Opens the descriptors that the loop needs.
    pub(super) fn new(
        shared: &'a ServerShared,
        listener: &'a Socket,
        readiness: R,
        delay: Option<Duration>,
        acceptor: Option<&'a Acceptor>,
    ) -> io::Result<Self> {
        let clock = RunClock::starting_at(Instant::now());
        Ok(Self {
            shared,
            listener,
            readiness,
            delay,
            acceptor,
            connections: TokenSlab::new(),
            idle: BTreeSet::new(),
            paused: BTreeSet::new(),
            accept_at: None,
            listening: false,
            out_of_descriptors: false,
            descriptor_freed: false,
            clock,
            alarm: Alarm::new(clock.instant(Offset::ZERO))?,
            armed: None,
            buffer: vec![0; BUFFER],
        })
    }

    /// Serves until the stop flag is raised. `watch_stop` registers the flag's descriptor in the way the mechanism
    /// needs.
    pub(super) fn run(
        mut self,
        watch_stop: impl FnOnce(&mut R, i32, u64) -> io::Result<()>,
    ) -> io::Result<()> {
        watch_stop(
            &mut self.readiness,
            self.shared.stop.as_fd().as_raw_fd(),
            STOP,
        )?;
        let alarm = self.alarm.as_fd().as_raw_fd();
        self.readiness.watch(alarm, ALARM, Interest::Read)?;
        match self.delay {
            Some(delay) => self.accept_after(delay),
            None => self.listen_again()?,
        }
        let mut ready = Vec::new();
        while !self.shared.stop.is_raised() {
            self.arm()?;
            ready.clear();
            self.readiness.wait(&mut ready)?;
            for token in ready.drain(..) {
                match token {
                    LISTENER => self.accept()?,
                    // Not a stop: another acceptor has handed over the listener, perhaps to this one.
                    STOP if self.acceptor.is_some() => self.listen_again()?,
                    STOP => {}
                    ALARM => self.alarm_fired()?,
                    token => self.advance(token),
                }
            }
            if self.out_of_descriptors && std::mem::take(&mut self.descriptor_freed) {
                self.listen_again()?;
            }
        }
        self.shared.count_cpu();
        if self.shared.stop.resets() {
            for connection in self.connections.values() {
                sockopt::reset_on_close(&connection.conversation.socket);
            }
        }
        Ok(())
    }

    fn is_my_turn(&self) -> bool {
        self.acceptor.is_none_or(Acceptor::is_accepting)
    }

    fn listen_again(&mut self) -> io::Result<()> {
        if self.listening || !self.is_my_turn() {
            return Ok(());
        }
        (self.accept_at, self.out_of_descriptors, self.listening) = (None, false, true);
        self.readiness
            .watch(self.listener.as_raw_fd(), LISTENER, Interest::Read)
    }

    fn stop_listening(&mut self) {
        if std::mem::take(&mut self.listening) {
            self.readiness.unwatch(self.listener.as_raw_fd());
        }
    }

    fn accept_after(&mut self, pause: Duration) {
        self.stop_listening();
        let at = self.clock.now().as_duration() + pause;
        self.accept_at = Some(Offset::from_duration(at));
    }

    fn accept(&mut self) -> io::Result<()> {
        let in_a_row = if self.delay.is_some() {
            1
        } else {
            ACCEPTS_IN_A_ROW
        };
        for _ in 0..in_a_row {
            match sockopt::accept(self.listener) {
                Ok(socket) => self.admit(socket),
                Err(error) => match error.raw_os_error().unwrap_or(libc::EIO) {
                    libc::EAGAIN => return Ok(()),
                    libc::EINTR => {}
                    libc::EMFILE if self.shared.stops_at_emfile => {
                        self.shared.count_error(libc::EMFILE);
                        self.stop_listening();
                        return Ok(());
                    }
                    errno @ (libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
                        if errno == libc::EMFILE && self.acceptor.is_some_and(Acceptor::hand_over) {
                            self.stop_listening();
                        } else {
                            self.shared.count_error(errno);
                            self.accept_after(RETRY_PAUSE);
                            (self.out_of_descriptors, self.descriptor_freed) = (true, false);
                        }
                        return Ok(());
                    }
                    // ECONNABORTED and the network errors that accept(2) passes on concern this connection, not the
                    // listener.
                    errno => self.shared.count_error(errno),
                },
            }
        }
        if let Some(delay) = self.delay {
            self.accept_after(delay);
        }
        Ok(())
    }

    fn admit(&mut self, socket: Socket) {
        if !self.readiness.can_watch(socket.as_raw_fd()) {
            self.shared.count_accepted(&ConversationProgress::default());
            return self.shared.count_error(libc::EINVAL);
        }
        socket_options::apply_established(&self.shared.options, &socket);
        let mut connection = WatchedConnection {
            conversation: Conversation::new(socket),
            interest: Interest::Nothing,
            idle_since: None,
            queued: false,
        };
        // The client's data has often arrived already, and then nothing needs to be watched.
        let progress = connection
            .conversation
            .advance(&self.shared.policy, &mut self.buffer);
        self.shared.count_accepted(&progress);
        let (interest, pause) = match progress.next {
            ConversationNext::Wait(interest) => (interest, None),
            ConversationNext::Pause(pause) => (Interest::Nothing, Some(pause)),
            ConversationNext::Close | ConversationNext::Fail(_) => return,
        };
        let fd = connection.conversation.socket.as_raw_fd();
        connection.interest = interest;
        let token = self.connections.insert(connection);
        if let Err(error) = self.readiness.watch(fd, token, interest) {
            self.connections.remove(token);
            self.shared
                .count_error(error.raw_os_error().unwrap_or(libc::EIO));
            return;
        }
        self.wake_after(pause, token);
        self.watch_upstream(token);
        self.replied(token, &progress);
        if let Some(acceptor) = self.acceptor {
            acceptor.set_open(self.connections.len());
        }
    }

    /// Watches a proxy's upstream connection as the exchange needs. When it is closed, epoll removes it by itself.
    fn watch_upstream(&mut self, token: u64) {
        let connection = self.connections.get_mut(token);
        let Some(upstream) = connection.and_then(|connection| connection.conversation.upstream())
        else {
            return;
        };
        let (fd, wants) = (upstream.socket().as_raw_fd(), upstream.wants);
        let result = match upstream.watched.replace(wants) {
            None => self.readiness.watch(fd, token, wants),
            Some(before) if before != wants => self.readiness.change(fd, token, wants),
            Some(_) => Ok(()),
        };
        if let Err(error) = result {
            self.shared
                .count_error(error.raw_os_error().unwrap_or(libc::EIO));
            self.close(token);
        }
    }

    fn advance(&mut self, token: u64) {
        let Some(connection) = self.connections.get_mut(token) else {
            return;
        };
        let upstream = watched_upstream(&mut connection.conversation);
        let progress = connection
            .conversation
            .advance(&self.shared.policy, &mut self.buffer);
        // A connection that was returned to the pool is watched again, for another request, once it is taken.
        if let Some(fd) = upstream
            && watched_upstream(&mut connection.conversation) != upstream
        {
            self.readiness.unwatch(fd);
        }
        self.shared.count(&progress);
        let (interest, pause) = match progress.next {
            ConversationNext::Wait(interest) => (interest, None),
            ConversationNext::Pause(pause) => (Interest::Nothing, Some(pause)),
            ConversationNext::Close | ConversationNext::Fail(_) => return self.close(token),
        };
        connection.idle_since = None;
        if connection.interest != interest {
            connection.interest = interest;
            let fd = connection.conversation.socket.as_raw_fd();
            if let Err(error) = self.readiness.change(fd, token, interest) {
                self.shared
                    .count_error(error.raw_os_error().unwrap_or(libc::EIO));
                return self.close(token);
            }
        }
        self.wake_after(pause, token);
        self.watch_upstream(token);
        self.replied(token, &progress);
    }

    fn wake_after(&mut self, pause: Option<Duration>, token: u64) {
        if let Some(pause) = pause {
            let at = Offset::from_duration(self.clock.now().as_duration() + pause);
            self.paused.insert((at, token));
        }
    }

    /// Notes the time from which a connection that has had a reply is idle.
    fn replied(&mut self, token: u64, progress: &ConversationProgress) {
        if progress.replies == 0 || !self.shared.closes_idle {
            return;
        }
        let now = self.clock.now();
        if let Some(connection) = self.connections.get_mut(token)
            && connection.conversation.is_idle()
        {
            connection.idle_since = Some(now);
            if !std::mem::replace(&mut connection.queued, true) {
                let end = self.idle_end(now);
                self.idle.insert((end, token));
            }
        }
    }

    fn idle_end(&self, since: Offset) -> Offset {
        Offset::from_duration(since.as_duration() + self.shared.keep_alive)
    }

    fn close(&mut self, token: u64) {
        if let Some(connection) = self.connections.remove(token) {
            self.readiness
                .unwatch_closing(connection.conversation.socket.as_raw_fd());
        }
        self.descriptor_freed = true;
        if let Some(acceptor) = self.acceptor {
            acceptor.set_open(self.connections.len());
        }
    }

    fn alarm_fired(&mut self) -> io::Result<()> {
        self.alarm.unset()?;
        self.armed = None;
        let now = self.clock.now();
        if self.accept_at.is_some_and(|at| at <= now) {
            self.listen_again()?;
        }
        while let Some((at, token)) = self.paused.first().copied()
            && at <= now
        {
            self.paused.pop_first();
            self.advance(token);
        }
        while let Some((end, token)) = self.idle.first().copied()
            && end <= now
        {
            self.idle.pop_first();
            let Some(connection) = self.connections.get_mut(token) else {
                continue;
            };
            connection.queued = false;
            match connection.idle_since {
                Some(since)
                    if self.shared.keep_alive <= now.as_duration() - since.as_duration() =>
                {
                    self.close(token);
                }
                Some(since) => {
                    connection.queued = true;
                    let end = self.idle_end(since);
                    self.idle.insert((end, token));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Sets the alarm to the next due time.
    fn arm(&mut self) -> io::Result<()> {
        let idle = self.idle.first().map(|(end, _)| *end);
        let paused = self.paused.first().map(|(at, _)| *at);
        let due = (self.accept_at.into_iter()).chain(idle).chain(paused).min();
        if let Some(due) = due
            && self.armed.is_none_or(|armed| due < armed)
        {
            self.alarm.set(due.as_duration())?;
            self.armed = Some(due);
        }
        Ok(())
    }
}

/// Returns the upstream connection of a proxy's exchange, if it is watched.
fn watched_upstream(conversation: &mut Conversation) -> Option<RawFd> {
    let upstream = conversation.upstream()?;
    upstream.watched.map(|_| upstream.socket().as_raw_fd())
}
