//! One request on its way through a proxy: to the server behind it by a connection of its own, and the reply back.
//!
//! Upstream the proxy asks for a connection that is kept, and closes it itself once the reply is whole: TIME_WAIT, and with it the
//! port, stays on its side. Not here: the connection to the client, which goes on or ends as every server's does
//! (`conversation`), and waiting.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};

use nix::errno::Errno;
use socket2::{SockAddr, Socket};

use super::conversation::{ConversationProgress, read};
use crate::sys::readiness::Interest;
use crate::sys::sockopt;
use crate::traffic::http::{self, Head, MAX_HEAD};

/// Where requests go on to.
#[derive(Debug)]
pub(super) struct UpstreamForwarder {
    address: SockAddr,
    ip: IpAddr,
}

impl UpstreamForwarder {
    pub(super) fn new(target: SocketAddr) -> Self {
        Self {
            address: target.into(),
            ip: target.ip(),
        }
    }

    /// Begins to connect, from a port that the kernel chooses, as every proxy does.
    fn dial(&self) -> io::Result<Socket> {
        let socket = sockopt::tcp_socket(self.ip)?;
        match socket.connect(&self.address) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
            _ => Ok(socket),
        }
    }
}

/// A connection to the server behind the proxy.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) socket: Socket,
    /// What it waits for.
    pub(super) wants: Interest,
    /// What it is watched for, if it is.
    pub(super) watched: Option<Interest>,
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Exchange {
    /// None where it could not be made, or is done with.
    pub(super) upstream: Option<Upstream>,
    stage: ExchangeStage,
    /// Whether the connection to the client stays after the reply.
    keeps: bool,
    /// Bytes of the request's body that have not been read from the client.
    body_left: u64,
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    /// Whether anything of the server's reply has been passed on.
    has_begun: bool,
    /// What the client sent after its request.
    after: Vec<u8>,
}

#[derive(Debug)]
enum ExchangeStage {
    Connecting,
    Request,
    ReplyHead(Vec<u8>),
    /// So many bytes are still to come; `None`: all up to the end.
    ReplyBody(Option<u64>),
    /// The reply is whole but not all of it written; it is the server's, or the proxy's own.
    Rest {
        forwarded: bool,
    },
}

/// What an exchange needs next.
#[derive(Debug)]
pub(super) enum ExchangeNext {
    /// Its client, for this, or its upstream, for what that wants.
    Wait(Interest),
    /// It has ended with a whole reply. What the client has sent since is here.
    Ended { keeps: bool, after: Vec<u8> },
    /// It has ended in the middle of the server's reply: the client learns that by its connection's end.
    BrokenOff,
}

impl Exchange {
    /// Begins one with a request whose head is whole; `keeps` is whether the client's connection is to stay open after it.
    pub(super) fn begin(
        forwarder: &UpstreamForwarder,
        arrived: &[u8],
        head: &Head,
        keeps: bool,
        progress: &mut ConversationProgress,
    ) -> Self {
        let rest = &arrived[head.length..];
        let body = head.content_length.unwrap_or(0);
        let of_body = rest.len().min(usize::try_from(body).unwrap_or(usize::MAX));
        progress.bytes += of_body as u64;
        let mut to_server = http::pass_on(&arrived[..head.length], true);
        to_server.extend(&rest[..of_body]);
        let mut exchange = Self {
            upstream: None,
            stage: ExchangeStage::Connecting,
            keeps,
            body_left: body - of_body as u64,
            to_server,
            to_client: Vec::new(),
            has_begun: false,
            after: rest[of_body..].to_vec(),
        };
        match forwarder.dial() {
            Ok(socket) => {
                exchange.upstream = Some(Upstream {
                    socket,
                    wants: Interest::Nothing,
                    watched: None,
                });
            }
            Err(error) => exchange.answer_for_server(&error, progress),
        }
        exchange
    }

    /// Goes on as far as it can.
    ///
    /// # Errors
    /// Those of the client's connection. What goes wrong upstream is counted, and answered with 503.
    pub(super) fn advance(
        &mut self,
        forwarder: &UpstreamForwarder,
        client: &Socket,
        buffer: &mut [u8],
        progress: &mut ConversationProgress,
    ) -> io::Result<ExchangeNext> {
        loop {
            if !write(client, &mut self.to_client)? {
                self.want(Interest::Nothing);
                return Ok(ExchangeNext::Wait(Interest::Write));
            }
            if let ExchangeStage::Rest { forwarded } = self.stage {
                self.upstream = None;
                progress.replies += 1;
                progress.forwarded += u32::from(forwarded);
                return Ok(ExchangeNext::Ended {
                    keeps: self.keeps,
                    after: std::mem::take(&mut self.after),
                });
            }
            let done = if matches!(self.stage, ExchangeStage::Request) && self.to_server.is_empty()
            {
                self.read_request(client, buffer, progress)?
            } else {
                match self.talk_to_server(forwarder, buffer, progress) {
                    Ok(wait) => wait,
                    Err(error) if self.has_begun => {
                        progress.errors.push(number(&error));
                        return Ok(ExchangeNext::BrokenOff);
                    }
                    Err(error) => {
                        self.answer_for_server(&error, progress);
                        None
                    }
                }
            };
            if let Some(of_client) = done {
                return Ok(ExchangeNext::Wait(of_client));
            }
        }
    }

    /// Reads on in the request's body; what to wait for on the client's side, if anything.
    fn read_request(
        &mut self,
        client: &Socket,
        buffer: &mut [u8],
        progress: &mut ConversationProgress,
    ) -> io::Result<Option<Interest>> {
        if self.body_left == 0 {
            self.stage = ExchangeStage::ReplyHead(Vec::new());
            return Ok(None);
        }
        let want = usize::try_from(self.body_left).unwrap_or(usize::MAX);
        let want = want.min(buffer.len());
        match read(client, &mut buffer[..want])? {
            None => {
                self.want(Interest::Nothing);
                Ok(Some(Interest::Read))
            }
            Some(0) => Err(Errno::ENODATA.into()),
            Some(count) => {
                self.body_left -= count as u64;
                progress.bytes += count as u64;
                self.to_server.extend(&buffer[..count]);
                Ok(None)
            }
        }
    }

    /// Does what can be done upstream; what to wait for on the client's side, where it waits for the server.
    fn talk_to_server(
        &mut self,
        forwarder: &UpstreamForwarder,
        buffer: &mut [u8],
        progress: &mut ConversationProgress,
    ) -> io::Result<Option<Interest>> {
        let Some(upstream) = &mut self.upstream else {
            return Err(Errno::ENOTCONN.into());
        };
        let waits_for = match &mut self.stage {
            ExchangeStage::Connecting => match upstream.socket.connect(&forwarder.address) {
                Ok(()) => {
                    self.stage = ExchangeStage::Request;
                    return Ok(None);
                }
                Err(error) => match error.raw_os_error() {
                    Some(libc::EALREADY | libc::EINPROGRESS) => Interest::Write,
                    Some(libc::EINTR) => return Ok(None),
                    _ => return Err(error),
                },
            },
            ExchangeStage::Request => {
                if write(&upstream.socket, &mut self.to_server)? {
                    return Ok(None);
                }
                Interest::Write
            }
            ExchangeStage::ReplyHead(_) | ExchangeStage::ReplyBody(_) => {
                match read(&upstream.socket, buffer)? {
                    None => Interest::Read,
                    Some(count) => {
                        self.take_reply(&buffer[..count], progress)?;
                        return Ok(None);
                    }
                }
            }
            ExchangeStage::Rest { .. } => return Ok(None),
        };
        self.want(waits_for);
        Ok(Some(Interest::Nothing))
    }

    /// Takes in what the server has sent; nothing is its end.
    fn take_reply(
        &mut self,
        arrived: &[u8],
        progress: &mut ConversationProgress,
    ) -> io::Result<()> {
        let at_end = arrived.is_empty();
        match &mut self.stage {
            ExchangeStage::ReplyHead(before) => {
                before.extend(arrived);
                let Some(head) = http::parse_head(before) else {
                    if before.len() > MAX_HEAD {
                        return Err(Errno::EMSGSIZE.into());
                    }
                    return if at_end {
                        Err(Errno::ENODATA.into())
                    } else {
                        Ok(())
                    };
                };
                // These have no body, whatever they say (RFC 9112, section 6.3).
                let length = match head.status {
                    Some(204 | 304) => Some(0),
                    _ => head.content_length,
                };
                self.keeps &= length.is_some();
                self.to_client = http::pass_on(&before[..head.length], self.keeps);
                let rest = before.split_off(head.length);
                self.has_begun = true;
                self.stage = ExchangeStage::ReplyBody(length);
                self.take_body(&rest, progress);
                Ok(())
            }
            ExchangeStage::ReplyBody(None) if at_end => {
                self.stage = ExchangeStage::Rest { forwarded: true };
                Ok(())
            }
            ExchangeStage::ReplyBody(Some(_)) if at_end => Err(Errno::ENODATA.into()),
            _ => {
                self.take_body(arrived, progress);
                Ok(())
            }
        }
    }

    fn take_body(&mut self, arrived: &[u8], progress: &mut ConversationProgress) {
        let ExchangeStage::ReplyBody(left) = &mut self.stage else {
            return;
        };
        let most = left.map_or(usize::MAX, |left| {
            usize::try_from(left).unwrap_or(usize::MAX)
        });
        let of_body = &arrived[..arrived.len().min(most)];
        progress.bytes += of_body.len() as u64;
        self.to_client.extend(of_body);
        if let Some(left) = left {
            *left -= of_body.len() as u64;
            if *left == 0 {
                // It closes first, at once: whether the client reads its reply is another matter.
                self.upstream = None;
                self.stage = ExchangeStage::Rest { forwarded: true };
            }
        }
    }

    /// The server cannot be reached, or gave no reply: the client is told so.
    fn answer_for_server(&mut self, error: &io::Error, progress: &mut ConversationProgress) {
        progress.errors.push(number(error));
        self.upstream = None;
        // What is left of a request could not be told from the next one.
        self.keeps &= self.body_left == 0;
        self.to_client = http::unavailable(self.keeps);
        self.stage = ExchangeStage::Rest { forwarded: false };
    }

    fn want(&mut self, interest: Interest) {
        if let Some(upstream) = &mut self.upstream {
            upstream.wants = interest;
        }
    }
}

fn number(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

/// Writes what the kernel takes and keeps the rest; true once all has gone.
fn write(mut socket: &Socket, bytes: &mut Vec<u8>) -> io::Result<bool> {
    let mut sent = 0;
    while sent < bytes.len() {
        match socket.write(&bytes[sent..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                bytes.drain(..sent);
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
    }
    bytes.clear();
    Ok(true)
}

#[cfg(test)]
mod tests;
