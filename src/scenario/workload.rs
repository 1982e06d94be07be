//! The workload as meant: who serves, who connects, what runs, what happens when.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::model::Place;
use super::topology::Impairment;
use crate::names::{ActorName, NodeName};
use crate::units::{self, ByteCount, Rate};

/// Everything that acts in a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// Built-in servers, in the order of the file.
    pub servers: Vec<ServerSpec>,
    /// Built-in clients, in the order of the file.
    pub clients: Vec<ClientSpec>,
    /// Real programs, in the order of the file.
    pub commands: Vec<CommandSpec>,
    /// What happens at a given time, ordered by time.
    pub steps: Vec<StepSpec>,
}

/// A built-in server. It listens on the wildcard address of the lab's protocol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerSpec {
    /// Its name.
    pub name: ActorName,
    /// Where it runs.
    pub node: NodeName,
    /// TCP port.
    pub port: u16,
    /// Second argument of `listen(2)`; the kernel bounds it by `net.core.somaxconn`.
    pub backlog: u32,
    /// How it accepts.
    pub accept: Accept,
    /// Body bytes of each reply.
    pub reply: ByteCount,
    /// Who closes.
    pub close: ServerClose,
    /// How long an idle connection is kept after a reply to a request that asked for keep-alive.
    #[serde(with = "units::duration")]
    pub keep_alive: Duration,
    /// Where a proxy passes requests on to; such a server has no replies of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Forward>,
    /// Whether connections have `SO_KEEPALIVE` (socket(7)).
    #[serde(default)]
    pub so_keepalive: bool,
    /// Where the scenario says so.
    pub place: Place,
}

/// Where a proxy passes requests on to: each by a connection of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// Address and port, as the proxy's node reaches them.
    pub target: SocketAddr,
    /// The server that the scenario names, where it names one.
    pub to: Option<ActorName>,
}

/// How a server takes connections from its queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Accept {
    /// Edge-triggered, as fast as the kernel gives.
    Epoll,
    /// It listens and never calls `accept(2)`.
    Never,
    /// One thread; it waits this long before each `accept(2)`.
    Delay(#[serde(with = "units::duration")] Duration),
    /// Blocking worker threads; each serves one connection to its end.
    Pool {
        /// Number of workers, at least 1.
        threads: u32,
    },
    /// One thread around `select(2)`, with its `FD_SETSIZE` of 1,024 (glibc `sys/select.h`).
    Select,
    /// One thread around `poll(2)`.
    Poll,
}

/// Who ends a connection, seen from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerClose {
    /// As HTTP does: it closes after the reply unless the request asked for keep-alive.
    AsRequested,
    /// It closes first, after the reply.
    First,
    /// It closes only once the client has closed.
    AfterClient,
    /// It never closes, also when the client has closed (CLOSE_WAIT).
    Never,
}

/// A built-in client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientSpec {
    /// Its name.
    pub name: ActorName,
    /// Where it runs.
    pub node: NodeName,
    /// What it connects to.
    pub target: SocketAddr,
    /// The server that the scenario names as target, where it names one.
    pub to: Option<ActorName>,
    /// What it does.
    pub load: Load,
    /// Local addresses, used in turn. Empty: the kernel chooses.
    pub sources: Vec<IpAddr>,
    /// Who chooses the local port.
    pub port: PortChoice,
    /// When it begins, from the start of the clock.
    #[serde(with = "units::duration")]
    pub start: Duration,
    /// Whether a connection carries a request and a reply before it closes.
    pub exchange: bool,
    /// Whether connections have `SO_KEEPALIVE` (socket(7)).
    #[serde(default)]
    pub so_keepalive: bool,
    /// Where the scenario says so.
    pub place: Place,
}

/// Who chooses the local port of a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PortChoice {
    /// The kernel, at `connect(2)`: what real programs do. Its search slows down once half the range is taken.
    #[default]
    Kernel,
    /// The lab, in turn through the range, by `IP_LOCAL_PORT_RANGE` (Linux 6.3) narrowed to one port.
    Sequential,
    /// The kernel, at `bind(2)`, before the destination is known, so that a port is taken for all destinations: what programs do
    /// that bind to a source address without `IP_BIND_ADDRESS_NO_PORT`. Where none is left, `bind(2)` says `EADDRINUSE`.
    Bind,
}

/// Load models, as the scenario format names them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Load {
    /// Open loop: attempts start when the schedule says, whatever happened to the ones before.
    Connect {
        /// The schedule.
        schedule: Schedule,
        /// Bound on one attempt, from its start to its end; the attempt then fails with `ETIMEDOUT`.
        #[serde(with = "units::duration")]
        timeout: Duration,
        /// Who ends a connection, and how.
        close: ClientClose,
    },
    /// Opens connections at a rate and holds them all.
    Hold {
        /// How many.
        connections: u64,
        /// How fast.
        rate: Rate,
        /// How long they are held once the last has been tried.
        #[serde(rename = "for", with = "units::duration")]
        hold_for: Duration,
        /// Bound on one connect.
        #[serde(with = "units::duration")]
        timeout: Duration,
    },
    /// Closed loop: as soon as one request ends, the next begins.
    Loop {
        /// Requests under way at once.
        concurrency: u32,
        /// Requests in all.
        requests: u64,
        /// Whether a connection carries more than one request.
        keep_alive: bool,
        /// Bound on one request.
        #[serde(with = "units::duration")]
        timeout: Duration,
    },
    /// SYNs from forged addresses, and nothing after.
    Flood {
        /// The schedule.
        schedule: Schedule,
        /// The first of the forged addresses; the others follow it.
        first: IpAddr,
        /// How many there are, at least 1.
        sources: u32,
    },
    /// Transfers bytes from client to server as fast as the kernel takes them.
    Bulk {
        /// Bytes a stream.
        bytes: ByteCount,
        /// Streams at once.
        streams: u32,
        /// Bytes a `write(2)`.
        write: ByteCount,
        /// Whether each write goes out at once (`TCP_NODELAY`, tcp(7)).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        nodelay: bool,
        /// Bound on the whole transfer.
        #[serde(with = "units::duration")]
        timeout: Duration,
    },
}

/// When the attempts of an open loop start: a rate that changes linearly from `from` to `to`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Rate at the start.
    pub from: Rate,
    /// Rate at the end; equal to `from` for a constant rate.
    pub to: Rate,
    /// Attempts in all, at least 1.
    pub count: u64,
}

/// Who ends a connection of a client, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientClose {
    /// The client sends FIN first: TIME_WAIT is on its side.
    Client,
    /// The client waits for the server's FIN: TIME_WAIT is on the server's side.
    Server,
    /// The client sends RST (`SO_LINGER` with 0): no TIME_WAIT.
    Reset,
    /// Nobody closes before the end of the run.
    Hold,
}

/// A real program on a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandSpec {
    /// Its name.
    pub name: ActorName,
    /// Where it runs.
    pub node: NodeName,
    /// Program and arguments; addresses are filled in.
    pub run: Vec<String>,
    /// It is killed after this long. One that serves has so long until it listens; one in the background has no bound.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
    /// When it starts, from the start of the clock; one that serves starts before it.
    #[serde(with = "units::duration")]
    pub start: Duration,
    /// The TCP port that it serves: the clock does not start before it listens there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<u16>,
    /// Whether it runs until the lab ends: nobody waits for its end. So does what serves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub background: bool,
    /// Files in [`FILES`], by their names there, where it has that folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<std::collections::BTreeMap<String, String>>,
    /// Environment variables beside the lab's own.
    pub env: std::collections::BTreeMap<String, String>,
    /// Where the scenario says so.
    pub place: Place,
}

/// What `${files}` stands for: a folder of a command's own, which nobody else sees and which goes with it. POSIX has programs
/// find room for shared memory in the folder above it (shm_overview(7)), so that is there on every machine.
pub const FILES: &str = "/dev/shm/nslab";

/// Something that happens at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepSpec {
    /// When, from the start of the clock.
    #[serde(with = "units::duration")]
    pub at: Duration,
    /// What.
    pub action: StepAction,
    /// Where the scenario says so.
    pub place: Place,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum StepAction {
    /// Takes a link (an index into the topology's links) down or up.
    LinkState {
        /// Index into [`super::topology::Topology::links`].
        link: usize,
        /// Up or down.
        up: bool,
    },
    /// Changes what a link does to packets.
    LinkImpair {
        /// Index into [`super::topology::Topology::links`].
        link: usize,
        /// From now on.
        impairment: Impairment,
    },
    /// Writes a sysctl of a node.
    Sysctl {
        /// The node.
        node: NodeName,
        /// Key with dots.
        key: String,
        /// Value.
        value: String,
    },
    /// Stops a server, client or command.
    Stop {
        /// Which.
        actor: ActorName,
        /// How.
        #[serde(default)]
        how: StopHow,
    },
    /// A node is gone without a word: every link of it carries nothing any more.
    Vanish {
        /// The node.
        node: NodeName,
    },
}

/// What the peers of an actor that is stopped are told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopHow {
    /// What the kernel says when a process is killed: FIN, but RST where something was left unread or not accepted.
    #[default]
    Fin,
    /// RST on every connection (`SO_LINGER` with 0).
    Reset,
    /// Nothing: its node vanishes first.
    Vanish,
}
