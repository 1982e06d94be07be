//! One attempt on its connection, from `connect(2)` to its end, without ever blocking.
//!
//! Not here: waiting until it can go on, and counting.

use std::io::{self, Read, Write};

use nix::errno::Errno;
use socket2::Socket;

use super::dial::Lease;
use super::plan::{ConnectionEnd, LoadPlan, PlannedRequest};
use super::reply::Reply;
use crate::record::Offset;
use crate::sys::readiness::Interest;

/// Writes in a row of one body before others get their turn.
const WRITES_IN_A_ROW: u32 = 16;

/// An attempt under way.
#[derive(Debug)]
pub(super) struct ConnectionAttempt {
    pub(super) socket: Socket,
    pub(super) lease: Lease,
    /// When it was to start: latency counts from here.
    pub(super) intended: Offset,
    /// When it fails with ETIMEDOUT.
    pub(super) deadline: Offset,
    /// What the engine watches it for, if it does.
    pub(super) watched: Option<Interest>,
    phase: AttemptPhase,
}

#[derive(Debug)]
enum AttemptPhase {
    Connecting,
    /// So many bytes of the request have been sent.
    Sending(u64),
    Reading(Reply),
    /// The reply is whole; the other end is to close.
    Awaiting,
}

/// How far an attempt got.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AttemptProgress {
    /// `connect(2)` has completed in this step.
    pub(super) established: bool,
    /// A reply has become whole in this step.
    pub(super) replied: Option<ReplyShape>,
    /// Body bytes that count: of the request where it has a body, else of the reply.
    pub(super) bytes: u64,
    pub(super) next: AttemptNext,
}

/// What a reply was like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReplyShape {
    /// Bytes, head included.
    pub(super) length: u64,
    /// Whether its sender keeps the connection.
    pub(super) keeps: bool,
    /// Its status code, where it says one.
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

/// What an attempt needs next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AttemptNext {
    /// To be able to go on.
    Wait(Interest),
    /// Nothing: it has what it wanted, and its connection is to end (or be held) as the plan says.
    Done,
    /// Nothing: it has what it wanted, and its connection can carry another.
    Reusable,
    /// Nothing: it has failed with this errno.
    Failed(i32),
}

impl ConnectionAttempt {
    /// An attempt on a connection that is being made.
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

    /// Makes it the next attempt on the same connection.
    pub(super) fn restart(&mut self, intended: Offset, deadline: Offset) {
        (self.intended, self.deadline) = (intended, deadline);
        self.phase = AttemptPhase::Sending(0);
    }

    /// Goes on as far as it can. `buffer` is for what is read and not kept.
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
                        // No error of the kernel's: the other end has closed in the middle.
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
    /// Whether bytes sent count, and not those received.
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

    /// What is written next, once so much has been. The body is whatever the buffer holds: nobody reads it.
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

/// Asks the kernel how a connect comes along, by connecting again: 0 once it has completed, EALREADY while it goes on, else why it
/// failed (`__inet_stream_connect`, Linux `net/ipv4/af_inet.c`). One call where `SO_ERROR` needs the socket to be polled first.
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
