//! One attempt on its connection, from `connect(2)` to its end, without blocking.
//!
//! Not here: waiting until it can continue, and counting.

use std::io::{self, Read, Write};

use nix::errno::Errno;
use socket2::Socket;

use super::dial::Lease;
use super::plan::{ConnectionEnd, LoadPlan, PlannedRequest};
use super::reply::Reply;
use crate::record::Offset;
use crate::sys::readiness::Interest;

/// Consecutive writes of one body before other attempts continue.
const WRITES_IN_A_ROW: u32 = 16;

/// An attempt in progress.
#[derive(Debug)]
pub(super) struct ConnectionAttempt {
    pub(super) socket: Socket,
    pub(super) lease: Lease,
    /// Scheduled start, from which latency is measured.
    pub(super) intended: Offset,
    /// Time at which the attempt fails with ETIMEDOUT.
    pub(super) deadline: Offset,
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
    /// The reply is complete, and the other end is to close.
    Awaiting,
}

/// The result of advancing an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AttemptProgress {
    /// True if `connect(2)` completed in this step.
    pub(super) established: bool,
    /// The shape of a reply that was completed in this step.
    pub(super) replied: Option<ReplyShape>,
    /// Body bytes that count: those of the request if it has a body, else those of the reply.
    pub(super) bytes: u64,
    pub(super) next: AttemptNext,
}

/// The shape of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReplyShape {
    /// Length in bytes, including the head.
    pub(super) length: u64,
    /// True if the server keeps the connection open.
    pub(super) keeps: bool,
    /// Status code, if there is one.
    pub(super) status: Option<u16>,
}

impl ReplyShape {
    fn of(reply: &Reply) -> Self {
        Self {
            length: reply.length(),
            keeps: reply.keeps_connection(),
            status: reply.status(),
        }
    }
}

/// The next action for an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AttemptNext {
    /// Wait for this event, then advance again.
    Wait(Interest),
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
            watched: None,
            phase: AttemptPhase::Connecting,
        }
    }

    /// Begins the next attempt on the same connection.
    pub(super) fn restart(&mut self, intended: Offset, deadline: Offset) {
        (self.intended, self.deadline) = (intended, deadline);
        self.phase = AttemptPhase::Sending(0);
    }

    /// Advances as far as possible. `buffer` is scratch space for bytes that are not kept.
    pub(super) fn advance(&mut self, plan: &LoadPlan, buffer: &mut [u8]) -> AttemptProgress {
        let mut step = AttemptProgress {
            established: false,
            replied: None,
            bytes: 0,
            next: AttemptNext::Done,
        };
        step.next =
            self.go_on(plan, buffer, &mut step)
                .unwrap_or_else(|error| match error.kind() {
                    io::ErrorKind::WouldBlock => AttemptNext::Wait(self.interest()),
                    _ => AttemptNext::Failed(error.raw_os_error().unwrap_or(libc::EIO)),
                });
        step
    }

    fn interest(&self) -> Interest {
        match self.phase {
            AttemptPhase::Connecting | AttemptPhase::Sending(_) => Interest::Write,
            AttemptPhase::Reading(_) | AttemptPhase::Awaiting => Interest::Read,
        }
    }

    fn go_on(
        &mut self,
        plan: &LoadPlan,
        buffer: &mut [u8],
        step: &mut AttemptProgress,
    ) -> io::Result<AttemptNext> {
        let mut writes = 0;
        loop {
            match &mut self.phase {
                AttemptPhase::Connecting => {
                    is_connected(&self.socket, plan)?;
                    step.established = true;
                    if plan.request.is_none() {
                        return Ok(AttemptNext::Done);
                    }
                    self.phase = AttemptPhase::Sending(0);
                }
                AttemptPhase::Sending(sent) => {
                    let Some(request) = &plan.request else {
                        return Ok(AttemptNext::Done);
                    };
                    if *sent == request.length() {
                        self.phase = AttemptPhase::Reading(Reply::new());
                        continue;
                    }
                    writes += 1;
                    if writes > WRITES_IN_A_ROW {
                        return Ok(AttemptNext::Wait(Interest::Write));
                    }
                    let count =
                        retry(|| (&self.socket).write(request.piece(*sent, buffer)))? as u64;
                    if *sent >= request.head.len() as u64 {
                        step.bytes += count;
                    }
                    *sent += count;
                }
                AttemptPhase::Reading(reply) => {
                    let count = retry(|| (&self.socket).read(buffer))?;
                    if count == 0 {
                        // Not an error of the kernel: the other end closed before the reply was complete.
                        let whole = reply.is_whole_at_end();
                        step.replied = whole.then(|| ReplyShape::of(reply));
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
                        step.replied = Some(ReplyShape::of(reply));
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
    retry(|| socket.connect(&plan.target)).map_err(|error| match error.raw_os_error() {
        Some(libc::EALREADY | libc::EINPROGRESS) => io::ErrorKind::WouldBlock.into(),
        _ => error,
    })
}

fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.raw_os_error() == Some(Errno::EINTR as i32) => {}
            other => return other,
        }
    }
}
