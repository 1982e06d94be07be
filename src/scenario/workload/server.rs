//! Built-in servers, including proxies.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ConnectionPool, PortChoice, SocketOption};
use crate::names::{ActorName, NodeName};
use crate::scenario::place::Place;
use crate::units::{self, ByteCount, Rate};

/// A built-in server. It listens on the wildcard address of the lab's protocol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerSpec {
    /// Unique among all servers, clients and commands.
    pub name: ActorName,
    /// The node on which it runs.
    pub node: NodeName,
    /// The port that it listens on.
    pub port: u16,
    /// The protocol that it speaks.
    #[serde(default)]
    pub protocol: Protocol,
    /// Time at which it begins to listen, from the start of the clock. At zero it listens before the clock starts.
    #[serde(default, with = "units::duration")]
    pub start: Duration,
    /// Second argument of `listen(2)`; the kernel bounds it by `net.core.somaxconn`.
    pub backlog: u32,
    /// The way in which it takes connections from its queue.
    pub accept: Accept,
    /// The content of its answers.
    #[serde(default)]
    pub answer: Answer,
    /// Body bytes of each reply; over UDP, bytes of each answer.
    pub reply: ByteCount,
    /// The time that a reply takes.
    #[serde(default)]
    pub reply_pace: ReplyPace,
    /// The side that closes a connection.
    pub close: ServerClose,
    /// Time that an idle connection is kept after a reply to a request that asked for keep-alive.
    #[serde(with = "units::duration")]
    pub keep_alive: Duration,
    /// The server that a proxy passes requests on to; a proxy has no replies of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Forward>,
    /// The connections that a proxy keeps to the server behind it; `None` if it opens one for each request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<ConnectionPool>,
    /// True if its connections have `SO_KEEPALIVE` (socket(7)).
    #[serde(default)]
    pub so_keepalive: bool,
    /// Options that are set on its socket before it is bound; accepted sockets inherit them.
    #[serde(default)]
    pub options: Vec<SocketOption>,
    /// The place in the scenario file that defines it.
    pub place: Place,
}

/// The protocol of a server.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Protocol {
    /// HTTP over TCP, with bodies of arbitrary bytes.
    #[default]
    Tcp,
    /// Datagrams.
    Udp,
}

/// The content of a server's answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// A number of bytes.
    #[default]
    Bytes,
    /// A copy of the request (UDP only).
    Echo,
    /// None at all.
    Never,
}

/// The time that a reply takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ReplyPace {
    /// Delay between the complete request and the first byte of its reply.
    #[serde(with = "units::duration")]
    pub after: Duration,
    /// Bits per second at which the body is written; `None` for as fast as the kernel takes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

/// The target of a proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// Address and port, as the proxy's node reaches them.
    pub target: SocketAddr,
    /// The server at that address, if the scenario names one.
    pub to: Option<ActorName>,
    /// The party that chooses the local port of each connection.
    #[serde(default)]
    pub port: PortChoice,
}

/// The way in which a server takes connections from its queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Accept {
    /// Edge-triggered `epoll(7)`, as fast as the kernel delivers connections.
    Epoll,
    /// As [`Self::Epoll`], until `accept(2)` fails with EMFILE; then never again.
    UntilEmfile,
    /// Listens and never calls `accept(2)`.
    Never,
    /// One thread, which waits this long before each `accept(2)`.
    Delay(#[serde(with = "units::duration")] Duration),
    /// Blocking worker threads; each serves one connection until it ends.
    Pool {
        /// Number of workers, at least 1.
        threads: u32,
    },
    /// One thread around `select(2)`, with its `FD_SETSIZE` of 1,024 (glibc `sys/select.h`).
    Select,
    /// One thread around `poll(2)`.
    Poll,
}

/// The side that ends a connection, as seen from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerClose {
    /// As in HTTP: the server closes after the reply unless the request asked for keep-alive.
    AsRequested,
    /// The server closes first, after its reply.
    First,
    /// The server closes only once the client has closed.
    AfterClient,
    /// The server never closes, even after the client has closed (CLOSE_WAIT).
    Never,
}
