//! Built-in servers, including proxies.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::names::{ActorName, NodeName};
use crate::scenario::place::Place;
use crate::units::{self, ByteCount};

/// A built-in server. It listens on the wildcard address of the lab's protocol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerSpec {
    /// Unique among all servers, clients and commands.
    pub name: ActorName,
    /// The node on which it runs.
    pub node: NodeName,
    /// The TCP port that it listens on.
    pub port: u16,
    /// Second argument of `listen(2)`; the kernel bounds it by `net.core.somaxconn`.
    pub backlog: u32,
    /// The way in which it takes connections from its queue.
    pub accept: Accept,
    /// Body bytes of each reply.
    pub reply: ByteCount,
    /// The side that closes a connection.
    pub close: ServerClose,
    /// Time that an idle connection is kept after a reply to a request that asked for keep-alive.
    #[serde(with = "units::duration")]
    pub keep_alive: Duration,
    /// The server that a proxy passes requests on to; a proxy has no replies of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Forward>,
    /// True if its connections have `SO_KEEPALIVE` (socket(7)).
    #[serde(default)]
    pub so_keepalive: bool,
    /// The place in the scenario file that defines it.
    pub place: Place,
}

/// The target of a proxy. Each request goes there over a connection of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// Address and port, as the proxy's node reaches them.
    pub target: SocketAddr,
    /// The server at that address, if the scenario names one.
    pub to: Option<ActorName>,
}

/// The way in which a server takes connections from its queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Accept {
    /// Edge-triggered `epoll(7)`, as fast as the kernel delivers connections.
    Epoll,
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
