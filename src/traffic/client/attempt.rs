//! One attempt on its connection, from `connect(2)` to its end, without blocking.
//!
//! Not here: waiting until it can continue, and counting.

use std::io::{self, Read, Write};
use std::time::Duration;

use nix::errno::Errno;
use socket2::Socket;

use super::dial::Lease;
use super::plan::{ConnectionEnd, LoadPlan, PlannedRequest, PlannedStep};
use super::reply::Reply;
use crate::record::Offset;
use crate::sys::readiness::Interest;
use crate::sys::sockopt;
use crate::traffic::socket_options;

/// Consecutive writes of one body before other attempts continue.
const WRITES_IN_A_ROW: u32 = 16;

/// An attempt in progress.
#[derive(Debug)]
pub(super) struct ConnectionAttempt {
    pub(super) socket: Socket,
    pub(super) lease: Lease,
    /// Scheduled start, from which latency is measured.
    pub(super) intended: Offset,
    /// Time at which the attempt, or the current step of its exchange, fails with ETIMEDOUT.
    pub(super) deadline: Offset,
    /// The current step of its exchange.
    step: usize,
    /// Start of the last request of its exchange.
    asked: Offset,
    /// The events that the engine watches the socket for, if any.
    pub(super) watched: Option<Interest>,
    phase: AttemptPhase,
}

#[derive(Debug)]
enum AttemptPhase {
    Connecting,
    /// The request is being sent; the number of bytes sent so far.
    Sending(u64),
    Reading(Reply),
    /// A pause of an exchange, until this time.
    Pausing(Offset),
    /// The connection is kept for a later attempt, and nothing looks at it.
    Parked,
    /// The reply is complete, and the other end is to close.
    Awaiting,
}

/// The result of advancing an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AttemptProgress {
    /// True if `connect(2)` completed in this step.
    pub(super) established: bool,
    /// The reply that was completed in this step.
    pub(super) replied: Option<CompletedReply>,
    /// The time from which the latency of this step counts: the scheduled start, or in an exchange the last request.
    pub(super) since: Offset,
    /// Body bytes that count: those of the request if it has a body, else those of the reply.
    pub(super) bytes: u64,
    /// The side that closes the connection first, if it ends with this step.
    pub(super) closed_by: Option<ClosingSide>,
    pub(super) next: AttemptNext,
}

/// The side that closes a connection first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClosingSide {
    Client,
    Server,
}

/// A complete reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CompletedReply {
    /// Status code, if there is one.
    pub(super) status: Option<u16>,
}

/// The next action for an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AttemptNext {
    /// Wait for this event, then advance again.
    Wait(Interest),
    /// Wait until [`ConnectionAttempt::due`], then advance again.
    Pause,
    /// A reply of an exchange is complete, and more follows: advance again at once.
    Again,
    /// The attempt is complete. Its connection is to end, or be held, as the plan says.
    Done,
    /// The attempt is complete, and its connection can carry another one.
    Reusable,
    /// The attempt has failed with this error number.
    Failed(i32),
}

impl ConnectionAttempt {
    /// Creates an attempt on a connection that is being established.
    pub(super) fn new(socket: Socket, lease: Lease, intended: Offset, deadline: Offset) -> Self {
        Self {
            socket,
            lease,
            intended,
            deadline,
            step: 0,
            asked: intended,
            watched: None,
            phase: AttemptPhase::Connecting,
        }
    }

    /// Keeps the connection for a later attempt, without a deadline.
    pub(super) fn park(&mut self) {
        self.deadline = Offset(u64::MAX);
        self.phase = AttemptPhase::Parked;
    }

    /// Returns true if it pauses, so that nothing can time out.
    pub(super) fn is_paused(&self) -> bool {
        matches!(self.phase, AttemptPhase::Pausing(_))
    }

    /// Returns the time at which a step of an exchange ends: its pause, or its deadline.
    pub(super) fn due(&self) -> Offset {
        match self.phase {
            AttemptPhase::Pausing(until) => until,
            _ => self.deadline,
        }
    }

    /// Begins a step of the exchange. Returns false if there is none.
    fn enter(&mut self, plan: &LoadPlan, step: usize, now: Offset) -> bool {
        let after = |time: Duration| Offset::from_duration(now.as_duration().saturating_add(time));
        self.step = step;
        match plan.script.get(step) {
            None => return false,
            Some(PlannedStep::Send(_)) => {
                (self.asked, self.deadline) = (now, after(plan.timeout));
                self.phase = AttemptPhase::Sending(0);
            }
            Some(PlannedStep::Reply(timeout)) => {
                self.deadline = after(*timeout);
                self.phase = AttemptPhase::Reading(Reply::new());
            }
            Some(PlannedStep::Pause(time)) => self.phase = AttemptPhase::Pausing(after(*time)),
        }
        true
    }

    /// Begins the next attempt on the same connection.
    pub(super) fn restart(&mut self, intended: Offset, deadline: Offset) {
        (self.intended, self.deadline) = (intended, deadline);
        self.phase = AttemptPhase::Sending(0);
    }

    /// Advances as far as possible, or to the end of a reply of an exchange. `buffer` is scratch space for bytes that
    /// are not kept.
    pub(super) fn advance(
        &mut self,
        plan: &LoadPlan,
        buffer: &mut [u8],
        now: Offset,
    ) -> AttemptProgress {
        let mut step = AttemptProgress {
            established: false,
            replied: None,
            since: self.intended,
            bytes: 0,
            closed_by: None,
            next: AttemptNext::Done,
        };
        step.next = self
            .go_on(plan, buffer, now, &mut step)
            .unwrap_or_else(|error| match error.kind() {
                io::ErrorKind::WouldBlock => AttemptNext::Wait(self.interest()),
                // The first write of TCP_FASTOPEN_CONNECT sends the SYN.
                _ if error.raw_os_error() == Some(libc::EINPROGRESS) => {
                    AttemptNext::Wait(Interest::Write)
                }
                _ => AttemptNext::Failed(error.raw_os_error().unwrap_or(libc::EIO)),
            });
        if step.next == AttemptNext::Done && plan.end != ConnectionEnd::Hold {
            step.closed_by = Some(self.closing_side());
        }
        step
    }

    /// Returns the side that closes first, if the client is about to close: the server if its FIN is there already.
    pub(super) fn closing_side(&self) -> ClosingSide {
        match sockopt::has_received_end(&self.socket) {
            true => ClosingSide::Server,
            false => ClosingSide::Client,
        }
    }

    fn interest(&self) -> Interest {
        match self.phase {
            AttemptPhase::Connecting | AttemptPhase::Sending(_) => Interest::Write,
            AttemptPhase::Reading(_) | AttemptPhase::Awaiting => Interest::Read,
            AttemptPhase::Pausing(_) | AttemptPhase::Parked => Interest::Nothing,
        }
    }

    fn go_on(
        &mut self,
        plan: &LoadPlan,
        buffer: &mut [u8],
        now: Offset,
        step: &mut AttemptProgress,
    ) -> io::Result<AttemptNext> {
        let mut writes = 0;
        loop {
            match &mut self.phase {
                AttemptPhase::Connecting => {
                    is_connected(&self.socket, plan)?;
                    step.established = true;
                    socket_options::apply_established(&plan.options, &self.socket);
                    if self.enter(plan, 0, now) {
                        continue;
                    }
                    if plan.request.is_none() {
                        return Ok(AttemptNext::Done);
                    }
                    self.phase = AttemptPhase::Sending(0);
                }
                AttemptPhase::Sending(sent) => {
                    let Some(request) = plan.request_at(self.step) else {
                        return Ok(AttemptNext::Done);
                    };
                    if *sent == request.length() {
                        if plan.script.is_empty() {
                            self.phase = AttemptPhase::Reading(Reply::new());
                        } else if !self.enter(plan, self.step + 1, now) {
                            return Ok(AttemptNext::Done);
                        }
                        continue;
                    }
                    writes += 1;
                    if writes > WRITES_IN_A_ROW {
                        return Ok(AttemptNext::Wait(Interest::Write));
                    }
                    let count =
                        retry(|| (&self.socket).write(request.piece(*sent, buffer)))? as u64;
                    if plan.counts_request() && *sent >= request.head.len() as u64 {
                        step.bytes += count;
                    }
                    *sent += count;
                }
                AttemptPhase::Reading(reply) => {
                    let count = retry(|| (&self.socket).read(buffer))?;
                    if count == 0 {
                        // Not an error of the kernel: the other end closed before the reply was complete.
                        let whole = reply.is_whole_at_end();
                        let status = reply.status();
                        step.replied = whole.then_some(CompletedReply { status });
                        return Ok(if whole {
                            AttemptNext::Done
                        } else {
                            AttemptNext::Failed(libc::ENODATA)
                        });
                    }
                    let body = reply.feed(&buffer[..count])?;
                    if !plan.counts_request() {
                        step.bytes += body;
                    }
                    if reply.is_whole() {
                        let status = reply.status();
                        step.replied = Some(CompletedReply { status });
                        if !plan.script.is_empty() {
                            step.since = self.asked;
                            return Ok(match self.enter(plan, self.step + 1, now) {
                                true => AttemptNext::Again,
                                false => AttemptNext::Done,
                            });
                        }
                        match (plan.end, reply.keeps_connection()) {
                            (ConnectionEnd::Reuse, true) => return Ok(AttemptNext::Reusable),
                            (ConnectionEnd::AwaitClose, _)
                            | (ConnectionEnd::AsAnnounced | ConnectionEnd::Reuse, false) => {
                                self.phase = AttemptPhase::Awaiting;
                            }
                            (
                                ConnectionEnd::Close
                                | ConnectionEnd::Reset
                                | ConnectionEnd::Hold
                                | ConnectionEnd::AsAnnounced,
                                _,
                            ) => return Ok(AttemptNext::Done),
                        }
                    }
                }
                AttemptPhase::Pausing(until) => {
                    if now < *until {
                        return Ok(AttemptNext::Pause);
                    }
                    if !self.enter(plan, self.step + 1, now) {
                        return Ok(AttemptNext::Done);
                    }
                }
                AttemptPhase::Parked => return Ok(AttemptNext::Pause),
                AttemptPhase::Awaiting => {
                    if retry(|| (&self.socket).read(buffer))? == 0 {
                        return Ok(AttemptNext::Done);
                    }
                }
            }
        }
    }
}

impl LoadPlan {
    /// Returns the request of a step of the exchange; without an exchange, that of every attempt.
    fn request_at(&self, step: usize) -> Option<&PlannedRequest> {
        match self.script.get(step) {
            Some(PlannedStep::Send(request)) => Some(request),
            Some(PlannedStep::Reply(_) | PlannedStep::Pause(_)) => None,
            None => self.request.as_ref(),
        }
    }

    /// Returns true if the bytes sent are counted instead of those received.
    fn counts_request(&self) -> bool {
        self.request
            .as_ref()
            .is_some_and(|request| request.body > 0)
    }
}

impl PlannedRequest {
    fn length(&self) -> u64 {
        self.head.len() as u64 + self.body
    }

    /// Returns the next bytes to write after `sent`. The body is whatever the buffer holds, because nobody reads it.
    fn piece<'a>(&'a self, sent: u64, filler: &'a [u8]) -> &'a [u8] {
        let from = usize::try_from(sent).unwrap_or(usize::MAX);
        match self.head.get(from..) {
            Some(rest) if !rest.is_empty() => rest,
            _ => {
                let left = usize::try_from(self.length() - sent).unwrap_or(usize::MAX);
                &filler[..left.min(self.write).min(filler.len())]
            }
        }
    }
}

/// Checks the progress of a connect by connecting again: success once it is complete, EALREADY while it goes on, else
/// the error (`__inet_stream_connect`, Linux `net/ipv4/af_inet.c`). This takes one call, where reading `SO_ERROR` also
/// needs a poll.
fn is_connected(socket: &Socket, plan: &LoadPlan) -> io::Result<()> {
    match retry(|| socket.connect(&plan.target)) {
        Err(error) => match error.raw_os_error() {
            Some(libc::EALREADY | libc::EINPROGRESS) => Err(io::ErrorKind::WouldBlock.into()),
            // With TCP_FASTOPEN_CONNECT, connect(2) leaves the handshake to the first write.
            Some(libc::EISCONN) => Ok(()),
            _ => Err(error),
        },
        Ok(()) => Ok(()),
    }
}

fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.raw_os_error() == Some(Errno::EINTR as i32) => {}
            other => return other,
        }
    }
}
