//! One request through a proxy: to the server behind it, on a new connection or a kept one, and the reply back.
//!
//! The proxy requests a persistent connection upstream. Without a pool, it closes it itself once the reply is complete,
//! so TIME_WAIT, and with it the port, stays on the proxy's side.
//!
//! Not here: the connection to the client, which works as in every server (`conversation`), and waiting.

use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::Arc;

use nix::errno::Errno;
use socket2::{SockAddr, Socket};

use super::conversation::{ConversationProgress, read};
use super::upstream_pool::UpstreamPool;
use crate::scenario::workload::{ConnectionPool, Forward, PortChoice};
use crate::sys::readiness::Interest;
use crate::sys::sockopt;
use crate::traffic::http::{self, Head, MAX_HEAD};
use crate::traffic::local_ports::PortChooser;

/// The address of the server behind a proxy.
#[derive(Debug)]
pub(super) struct UpstreamForwarder {
    address: SockAddr,
    ip: IpAddr,
    pool: Option<UpstreamPool>,
    port: PortChoice,
    ports: Arc<PortChooser>,
}

impl UpstreamForwarder {
    /// Must be called on the proxy's node.
    ///
    /// # Errors
    /// If the node's range of local ports cannot be read.
    pub(super) fn new(forward: &Forward, pool: Option<&ConnectionPool>) -> io::Result<Self> {
        let ip = forward.target.ip();
        Ok(Self {
            address: forward.target.into(),
            ip,
            pool: pool.map(UpstreamPool::new),
            port: forward.port,
            ports: Arc::new(PortChooser::new(forward.port, ip, 1)?),
        })
    }

    /// Returns the way in which local ports are chosen, if it is not the one that the scenario asks for.
    pub(super) fn other_port_choice(&self) -> Option<&'static str> {
        let asked = self.port == PortChoice::Sequential && self.ports.description != "sequential";
        asked.then_some(self.ports.description)
    }

    /// Begins to connect.
    fn dial(&self) -> io::Result<UpstreamConnection> {
        let socket = sockopt::tcp_socket(self.ip)?;
        if self.port == PortChoice::Bind {
            sockopt::bind_address(&socket, sockopt::any_address(self.ip))?;
        }
        let connect = |socket: &Socket| sockopt::begin_connect(socket, &self.address);
        let port = self.ports.connect(&socket, 0, connect)?;
        let lease = port.map(|port| PortLease {
            ports: Arc::clone(&self.ports),
            port,
        });
        Ok(UpstreamConnection {
            socket,
            _lease: lease,
        })
    }
}

/// A socket of the upstream side. When it is dropped, it is closed first, and its port is free for later connections
/// then.
#[derive(Debug)]
pub(super) struct UpstreamConnection {
    pub(super) socket: Socket,
    _lease: Option<PortLease>,
}

/// A local port in use.
#[derive(Debug)]
struct PortLease {
    ports: Arc<PortChooser>,
    port: u16,
}

impl Drop for PortLease {
    fn drop(&mut self) {
        self.ports.give_back(0, self.port);
    }
}

/// A connection to the server behind the proxy.
#[derive(Debug)]
pub(super) struct Upstream {
    connection: UpstreamConnection,
    /// The events that the exchange waits for.
    pub(super) wants: Interest,
    /// The events that the socket is watched for, if any.
    pub(super) watched: Option<Interest>,
    /// True if it has carried a request before.
    is_reused: bool,
}

impl Upstream {
    pub(super) fn socket(&self) -> &Socket {
        &self.connection.socket
    }
}

/// A forwarded request in progress.
#[derive(Debug)]
pub(super) struct Exchange {
    /// The upstream connection; `None` if it could not be opened or is no longer needed.
    pub(super) upstream: Option<Upstream>,
    stage: ExchangeStage,
    /// True if the connection to the client stays open after the reply.
    keeps: bool,
    /// Bytes of the request's body that have not been read from the client.
    body_left: u64,
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    /// True if part of the server's reply has been forwarded.
    has_begun: bool,
    /// True if the server keeps its connection open after the reply.
    server_keeps: bool,
    /// Bytes that the client sent after its request.
    after: Vec<u8>,
}

#[derive(Debug)]
enum ExchangeStage {
    Connecting,
    Request,
    ReplyHead(Vec<u8>),
    /// The number of bytes still to come; `None` if the body lasts until the connection ends.
    ReplyBody(Option<u64>),
    /// The reply is complete but not fully written. It is the server's, or the proxy's own.
    Rest {
        forwarded: bool,
    },
}

/// The next action for an exchange.
#[derive(Debug)]
pub(super) enum ExchangeNext {
    /// Wait for this event on the client's socket, or for the one on the upstream socket.
    Wait(Interest),
    /// The exchange ended with a complete reply. `after` holds the bytes the client has sent since.
    Ended { keeps: bool, after: Vec<u8> },
    /// The exchange ended in the middle of the server's reply. Closing the connection shows that to the client.
    BrokenOff,
}

impl Exchange {
    /// Begins an exchange with a request whose head is complete. `keeps`: the client's connection stays open
    /// afterwards.
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
            server_keeps: false,
            after: rest[of_body..].to_vec(),
        };
        let upstream = |connection, is_reused| Upstream {
            connection,
            wants: Interest::Nothing,
            watched: None,
            is_reused,
        };
        if let Some(kept) = forwarder.pool.as_ref().and_then(UpstreamPool::take) {
            exchange.upstream = Some(upstream(kept, true));
            exchange.stage = ExchangeStage::Request;
            return exchange;
        }
        match forwarder.dial() {
            Ok(new) => exchange.upstream = Some(upstream(new, false)),
            Err(error) => exchange.answer_for_server(&error, progress),
        }
        exchange
    }

    /// Advances as far as possible.
    ///
    /// # Errors
    /// Errors of the client's connection. Errors upstream are counted, and answered with 503.
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
                self.keep_upstream(forwarder);
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

    /// Reads more of the request's body. Returns the interest to wait for on the client's socket, if any.
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

    /// Advances the upstream side. Returns the interest for the client's socket while it waits for the server.
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
            ExchangeStage::Connecting => match upstream.socket().connect(&forwarder.address) {
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
                if write(upstream.socket(), &mut self.to_server)? {
                    return Ok(None);
                }
                Interest::Write
            }
            ExchangeStage::ReplyHead(_) | ExchangeStage::ReplyBody(_) => {
                match read(upstream.socket(), buffer)? {
                    None => Interest::Read,
                    Some(count) => {
                        self.take_reply(forwarder, &buffer[..count], progress)?;
                        return Ok(None);
                    }
                }
            }
            ExchangeStage::Rest { .. } => return Ok(None),
        };
        self.want(waits_for);
        Ok(Some(Interest::Nothing))
    }

    /// Takes bytes that the server has sent; an empty slice is its end.
    fn take_reply(
        &mut self,
        forwarder: &UpstreamForwarder,
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
                // These have no body, whatever their head says (RFC 9112, section 6.3).
                let length = match head.status {
                    Some(204 | 304) => Some(0),
                    _ => head.content_length,
                };
                self.keeps &= length.is_some();
                self.server_keeps = head.keep_alive && length.is_some();
                self.to_client = http::pass_on(&before[..head.length], self.keeps);
                let rest = before.split_off(head.length);
                self.has_begun = true;
                self.stage = ExchangeStage::ReplyBody(length);
                self.take_body(forwarder, &rest, progress);
                Ok(())
            }
            ExchangeStage::ReplyBody(None) if at_end => {
                self.stage = ExchangeStage::Rest { forwarded: true };
                Ok(())
            }
            ExchangeStage::ReplyBody(Some(_)) if at_end => Err(Errno::ENODATA.into()),
            _ => {
                self.take_body(forwarder, arrived, progress);
                Ok(())
            }
        }
    }

    fn take_body(
        &mut self,
        forwarder: &UpstreamForwarder,
        arrived: &[u8],
        progress: &mut ConversationProgress,
    ) {
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
                // Without a pool, the proxy closes first and at once, whether or not the client reads its reply.
                self.keep_upstream(forwarder);
                self.stage = ExchangeStage::Rest { forwarded: true };
            }
        }
    }

    /// Returns the upstream connection to the pool if it can carry another request, else closes it.
    fn keep_upstream(&mut self, forwarder: &UpstreamForwarder) {
        let Some(upstream) = self.upstream.take() else {
            return;
        };
        let is_complete = self.server_keeps && self.to_server.is_empty() && self.body_left == 0;
        if let Some(pool) = forwarder.pool.as_ref().filter(|_| is_complete) {
            pool.give_back(upstream.connection);
        }
    }

    /// Answers the client with 503, because the server cannot be reached or gave no reply, or with 502 if a kept
    /// connection turned out to be dead.
    fn answer_for_server(&mut self, error: &io::Error, progress: &mut ConversationProgress) {
        progress.errors.push(number(error));
        let was_reused = self
            .upstream
            .take()
            .is_some_and(|upstream| upstream.is_reused);
        // The rest of a request could not be distinguished from the next request.
        self.keeps &= self.body_left == 0;
        self.to_client = match was_reused {
            true => http::bad_gateway(self.keeps),
            false => http::unavailable(self.keeps),
        };
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

/// Writes as much as the kernel accepts, and keeps the rest. Returns true once all is sent.
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
