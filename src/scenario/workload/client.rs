//! Clients that the lab itself provides.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Load, SocketOption};
use crate::names::{ActorName, NodeName};
use crate::scenario::place::Place;
use crate::units;

/// A client that the lab itself provides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientSpec {
    /// Unique among all servers, clients and commands.
    pub name: ActorName,
    /// The node on which it runs.
    pub node: NodeName,
    /// The address that it connects to.
    pub target: SocketAddr,
    /// The server at that address, if the scenario names one.
    pub to: Option<ActorName>,
    /// The connections that it makes.
    pub load: Load,
    /// Local addresses, used in turn. If empty, the kernel chooses.
    pub sources: Vec<IpAddr>,
    /// The party that chooses the local port.
    pub port: PortChoice,
    /// Time of its first attempt, from the start of the clock.
    #[serde(with = "units::duration")]
    pub start: Duration,
    /// True if a connection carries a request and a reply before it closes.
    pub exchange: bool,
    /// True if its connections have `SO_KEEPALIVE` (socket(7)).
    #[serde(default)]
    pub so_keepalive: bool,
    /// Options that are set on each of its sockets.
    #[serde(default)]
    pub options: Vec<SocketOption>,
    /// The attempts, from 1, whose connections an expectation names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub named: Vec<u64>,
    /// The place in the scenario file that defines it.
    pub place: Place,
}

/// The party that chooses the local port of a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PortChoice {
    /// The kernel, at `connect(2)`, as for most real programs. Its search slows down once half
    /// the range is taken.
    #[default]
    Kernel,
    /// The lab, in turn through the range, by `IP_LOCAL_PORT_RANGE` (Linux 6.3) narrowed to one port.
    Sequential,
    /// The kernel, at `bind(2)`, before the destination is known, so that a port is taken for all
    /// destinations. This is what happens to programs that bind to a source address without
    /// `IP_BIND_ADDRESS_NO_PORT`. If no port is left, `bind(2)` fails with `EADDRINUSE`.
    Bind,
}

/// The side that ends a client's connection, and the way in which it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientClose {
    /// The client sends FIN first: TIME_WAIT is on its side.
    Client,
    /// The client waits for the server's FIN: TIME_WAIT is on the server's side.
    Server,
    /// The client sends RST (`SO_LINGER` with 0): no TIME_WAIT.
    Reset,
    /// Neither side closes before the end of the run.
    Hold,
}
