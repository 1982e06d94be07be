//! One accepted connection, from its first byte to its close, without blocking.
//!
//! Not here: waiting until it can continue, and counting.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use socket2::Socket;

use super::forward::{Exchange, ExchangeNext, Upstream, UpstreamForwarder};
use crate::scenario::workload::{Answer, ReplyPace, ServerClose, ServerSpec};
use crate::sys::readiness::Interest;
use crate::traffic::http::{self, MAX_HEAD};

/// Body bytes per write.
const CHUNK: usize = 64 * 1024;
/// Interval between the pieces of a reply that has a rate, a fifth of the default sampling interval.
const PIECE: Duration = Duration::from_millis(20);
/// Consecutive reads from one connection before others continue.
const READS_IN_A_ROW: u32 = 16;

/// The behaviour shared by all conversations of a server.
#[derive(Debug)]
pub(super) struct ServerPolicy {
    close: ServerClose,
    body: u64,
    /// The reply up to the first [`CHUNK`] of its body, for closing and for keeping the connection.
    openings: [Vec<u8>; 2],
    chunk: Vec<u8>,
    /// The server behind a proxy.
    forwarder: Option<UpstreamForwarder>,
    /// False if requests are read and never answered.
    answers: bool,
    pace: ReplyPace,
}

impl ServerPolicy {
    /// Must be called on the server's node.
    ///
    /// # Errors
    /// If a proxy cannot read the range of its local ports.
    pub(super) fn of(spec: &ServerSpec) -> io::Result<Self> {
        let body = spec.reply.0;
        let chunk = vec![b'x'; usize::try_from(body).unwrap_or(CHUNK).min(CHUNK)];
        let opening = |keep_alive| {
            let mut opening = http::ok(body, keep_alive);
            opening.extend(&chunk);
            opening
        };
        Ok(Self {
            close: spec.close,
            body,
            openings: [opening(false), opening(true)],
            chunk,
            forwarder: spec
                .forward
                .as_ref()
                .map(|forward| UpstreamForwarder::new(forward, spec.pool.as_ref()))
                .transpose()?,
            answers: spec.answer != Answer::Never,
            pace: spec.reply_pace,
        })
    }

    /// Returns the way in which a proxy's local ports are chosen, if it is not the one that the scenario asks for.
    pub(super) fn other_port_choice(&self) -> Option<&'static str> {
        self.forwarder.as_ref()?.other_port_choice()
    }

    /// Returns the length of a reply in bytes, including its head.
    fn length(&self, keeps: bool) -> u64 {
        let opening = &self.openings[usize::from(keeps)];
        (opening.len() - self.chunk.len()) as u64 + self.body
    }

    /// Returns how many bytes of a reply may have been sent by now, if it began at `from`; before that, the time left.
    fn due(&self, keeps: bool, from: Instant) -> Result<u64, Duration> {
        let total = self.length(keeps);
        if self.pace == ReplyPace::default() {
            return Ok(total);
        }
        let now = Instant::now();
        let Some(since) = now.checked_duration_since(from) else {
            return Err(from - now);
        };
        let Some(rate) = self.pace.rate else {
            return Ok(total);
        };
        // The first piece is due at once. A product that is too large saturates.
        let body = rate.as_per_second() / 8.0 * (since + PIECE).as_secs_f64();
        Ok(total.min(total - self.body + body as u64))
    }

    /// Returns true if a connection stays open after a reply.
    fn keeps(&self, requested: bool) -> bool {
        match self.close {
            ServerClose::AsRequested => requested,
            ServerClose::First => false,
            ServerClose::AfterClient | ServerClose::Never => true,
        }
    }
}

/// An accepted connection, with the phase of its current request.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) socket: Socket,
    phase: ConversationPhase,
}

#[derive(Debug)]
enum ConversationPhase {
    /// Receiving the head of a request; the bytes so far.
    Head(Vec<u8>),
    /// Receiving the body of a request.
    Body {
        left: u64,
        keep_alive: bool,
        after: Vec<u8>,
    },
    /// Sending the reply, not before `from`; the number of bytes sent so far.
    Reply {
        from: Instant,
        sent: u64,
        keep_alive: bool,
        after: Vec<u8>,
    },
    /// A proxy has forwarded the request.
    Forwarded(Box<Exchange>),
    /// A request has arrived that is never answered.
    Unanswered,
    /// The peer has sent its FIN, and this end never will.
    Abandoned,
}

/// The result of advancing a conversation.
#[derive(Debug, Default)]
pub(super) struct ConversationProgress {
    pub(super) replies: u32,
    /// Number of these replies that came from the server behind a proxy.
    pub(super) forwarded: u32,
    /// Body bytes received and sent.
    pub(super) bytes: u64,
    /// Error numbers between a proxy and the server behind it.
    pub(super) errors: Vec<i32>,
    pub(super) next: ConversationNext,
}

/// The next action for a conversation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum ConversationNext {
    /// Wait for this event, then `advance` again.
    Wait(Interest),
    /// Wait for this long, then `advance` again.
    Pause(Duration),
    #[default]
    Close,
    /// Close the connection, and count it as failed with this error number.
    Fail(i32),
}

impl Conversation {
    pub(super) fn new(socket: Socket) -> Self {
        Self {
            socket,
            phase: ConversationPhase::Head(Vec::new()),
        }
    }

    /// Returns true if it waits for a request and nothing of it has arrived.
    pub(super) fn is_idle(&self) -> bool {
        matches!(&self.phase, ConversationPhase::Head(arrived) if arrived.is_empty())
    }

    /// Returns the connection to the server behind a proxy, while a request is forwarded.
    pub(super) fn upstream(&mut self) -> Option<&mut Upstream> {
        match &mut self.phase {
            ConversationPhase::Forwarded(exchange) => exchange.upstream.as_mut(),
            _ => None,
        }
    }

    /// Advances as far as possible. `buffer` is scratch space for bytes that are not kept.
    pub(super) fn advance(
        &mut self,
        policy: &ServerPolicy,
        buffer: &mut [u8],
    ) -> ConversationProgress {
        let mut progress = ConversationProgress::default();
        progress.next =
            self.go_on(policy, buffer, &mut progress)
                .unwrap_or_else(|error| match error.raw_os_error() {
                    // A reset from an idle client counts as a normal close.
                    Some(libc::ECONNRESET | libc::EPIPE) if self.is_idle() => {
                        ConversationNext::Close
                    }
                    errno => ConversationNext::Fail(errno.unwrap_or(libc::EIO)),
                });
        progress
    }

    fn go_on(
        &mut self,
        policy: &ServerPolicy,
        buffer: &mut [u8],
        progress: &mut ConversationProgress,
    ) -> io::Result<ConversationNext> {
        let mut reads = 0;
        loop {
            match &mut self.phase {
                ConversationPhase::Head(arrived) => {
                    if let Some(request) = take_request(policy, arrived, &[], progress) {
                        self.phase = request;
                        continue;
                    }
                    if arrived.len() > MAX_HEAD {
                        return Err(Errno::EMSGSIZE.into());
                    }
                    let Some(count) = read(&self.socket, buffer)? else {
                        return Ok(ConversationNext::Wait(Interest::Read));
                    };
                    if count == 0 {
                        return Ok(self.peer_has_closed(policy));
                    }
                    match take_request(policy, arrived, &buffer[..count], progress) {
                        Some(request) => self.phase = request,
                        None => arrived.extend(&buffer[..count]),
                    }
                }
                ConversationPhase::Body {
                    left: 0,
                    keep_alive,
                    after,
                } => {
                    self.phase = if policy.answers {
                        ConversationPhase::Reply {
                            from: Instant::now() + policy.pace.after,
                            sent: 0,
                            keep_alive: *keep_alive,
                            after: std::mem::take(after),
                        }
                    } else {
                        ConversationPhase::Unanswered
                    };
                }
                ConversationPhase::Body { left, .. } => {
                    let want = usize::try_from(*left)
                        .unwrap_or(usize::MAX)
                        .min(buffer.len());
                    reads += 1;
                    if reads > READS_IN_A_ROW {
                        return Ok(ConversationNext::Wait(Interest::Read));
                    }
                    match read(&self.socket, &mut buffer[..want])? {
                        None => return Ok(ConversationNext::Wait(Interest::Read)),
                        Some(0) => return Ok(self.peer_has_closed(policy)),
                        Some(count) => {
                            *left -= count as u64;
                            progress.bytes += count as u64;
                        }
                    }
                }
                ConversationPhase::Reply {
                    from,
                    sent,
                    keep_alive,
                    after,
                } => {
                    let keeps = policy.keeps(*keep_alive);
                    let total = policy.length(keeps);
                    let due = match policy.due(keeps, *from) {
                        Ok(due) => due,
                        Err(pause) => return Ok(ConversationNext::Pause(pause)),
                    };
                    if !write_reply(&self.socket, policy, keeps, sent, due)? {
                        return Ok(ConversationNext::Wait(Interest::Write));
                    }
                    if *sent < total {
                        return Ok(ConversationNext::Pause(PIECE));
                    }
                    progress.replies += 1;
                    progress.bytes += policy.body;
                    if !keeps {
                        return Ok(ConversationNext::Close);
                    }
                    self.phase = ConversationPhase::Head(std::mem::take(after));
                }
                ConversationPhase::Forwarded(exchange) => {
                    let Some(forwarder) = &policy.forwarder else {
                        return Ok(ConversationNext::Close);
                    };
                    match exchange.advance(forwarder, &self.socket, buffer, progress)? {
                        ExchangeNext::Wait(interest) => {
                            return Ok(ConversationNext::Wait(interest));
                        }
                        ExchangeNext::Ended { keeps: true, after } => {
                            self.phase = ConversationPhase::Head(after)
                        }
                        ExchangeNext::Ended { keeps: false, .. } | ExchangeNext::BrokenOff => {
                            return Ok(ConversationNext::Close);
                        }
                    }
                }
                ConversationPhase::Unanswered => {
                    reads += 1;
                    if reads > READS_IN_A_ROW {
                        return Ok(ConversationNext::Wait(Interest::Read));
                    }
                    match read(&self.socket, buffer)? {
                        None => return Ok(ConversationNext::Wait(Interest::Read)),
                        Some(0) => return Ok(self.peer_has_closed(policy)),
                        Some(count) => progress.bytes += count as u64,
                    }
                }
                ConversationPhase::Abandoned => {
                    return Ok(ConversationNext::Wait(Interest::Nothing));
                }
            }
        }
    }

    fn peer_has_closed(&mut self, policy: &ServerPolicy) -> ConversationNext {
        if policy.close == ServerClose::Never {
            self.phase = ConversationPhase::Abandoned;
            return ConversationNext::Wait(Interest::Nothing);
        }
        ConversationNext::Close
    }
}

/// Returns the phase after a complete head, from the bytes received before and now. Bytes after the head are kept.
fn take_request(
    policy: &ServerPolicy,
    before: &[u8],
    now: &[u8],
    progress: &mut ConversationProgress,
) -> Option<ConversationPhase> {
    let joined;
    let arrived = if before.is_empty() {
        now
    } else {
        joined = [before, now].concat();
        &joined
    };
    let head = http::parse_head(arrived)?;
    if let Some(forwarder) = &policy.forwarder {
        let keeps = policy.keeps(head.keep_alive);
        let exchange = Exchange::begin(forwarder, arrived, &head, keeps, progress);
        return Some(ConversationPhase::Forwarded(Box::new(exchange)));
    }
    let rest = &arrived[head.length..];
    let body = head.content_length.unwrap_or(0);
    let of_body = rest.len().min(usize::try_from(body).unwrap_or(usize::MAX));
    progress.bytes += of_body as u64;
    Some(ConversationPhase::Body {
        left: body - of_body as u64,
        keep_alive: head.keep_alive,
        after: rest[of_body..].to_vec(),
    })
}

/// Reads available bytes; `None` if there are none yet.
pub(super) fn read(mut socket: &Socket, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    loop {
        match socket.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map(Some),
        }
    }
}

/// Writes as much as the kernel accepts, up to the first `due` bytes of the reply. Returns true once those are sent.
fn write_reply(
    mut socket: &Socket,
    policy: &ServerPolicy,
    keeps: bool,
    sent: &mut u64,
    due: u64,
) -> io::Result<bool> {
    let opening = &policy.openings[usize::from(keeps)];
    while *sent < due {
        let from = usize::try_from(*sent).unwrap_or(usize::MAX);
        let piece = match opening.get(from..) {
            Some(piece) if !piece.is_empty() => piece,
            _ => &policy.chunk,
        };
        let left = usize::try_from(due - *sent).unwrap_or(usize::MAX);
        let piece = &piece[..left.min(piece.len())];
        match socket.write(piece) {
            Ok(count) => *sent += count as u64,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
