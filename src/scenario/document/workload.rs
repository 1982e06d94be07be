//! Servers, clients, commands and steps as written.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::values::{
    AcceptWord, Bandwidth, Bytes, Count, EventRate, LinkUp, ListensOn, PortNumber, Share, Switch,
    SysctlValue, Text, Timespan,
};
use crate::scenario::decode::{Entries, Framed, FromNode, List, document};
use crate::scenario::node::{Node, NodeKind, Scalar};
use crate::scenario::problem::Collector;
use crate::scenario::span::{self, Spanned};
use crate::scenario::workload::{ClientClose, PortChoice, ServerClose, StopHow};

document! {
    /// A built-in server. It listens on the wildcard address before the clock starts.
    ServerDoc, "a server" {
        /// The node on which it runs.
        "node" => node: Spanned<Text>,
        /// The TCP port that it listens on.
        "port" => port: Spanned<PortNumber>,
        /// Second argument of `listen(2)`, 0 to 65535. The kernel bounds it by `net.core.somaxconn`, which
        /// the lab pins. The default is 4096.
        "backlog" => backlog: Option<Spanned<Count>>,
        /// The way of accepting: `epoll` (the default), `never`, `select`, `poll`, `{ delay: 50ms }` or
        /// `{ pool: { threads: 4 } }`.
        "accept" => accept: Option<Spanned<AcceptDoc>>,
        /// Body bytes of each reply. The default is 0.
        "reply" => reply: Option<Spanned<Bytes>>,
        /// The side that closes: `first` (the server, after its reply), `after-client` or `never`. By default
        /// the server closes after the reply unless the request asked for keep-alive.
        "close" => close: Option<Spanned<ServerClose>>,
        /// Time that an idle connection is kept. The default is 5s.
        "keep-alive" => keep_alive: Option<Spanned<Timespan>>,
        /// `true` sets `SO_KEEPALIVE` on its connections: idle ones are probed according to
        /// `net.ipv4.tcp_keepalive_*`. The default is false.
        "so-keepalive" => so_keepalive: Option<Switch>,
        /// Makes it a proxy. Each request is passed on to this server, over a connection of its own from the
        /// proxy's node; the proxy closes that connection once the reply is complete. If it cannot connect,
        /// the client gets a 503. Written like a client's `to`.
        "forward" => forward: Option<Spanned<Text>>,
    }
}

/// A way of accepting connections.
#[derive(Debug, Clone)]
pub(crate) enum AcceptDoc {
    Word(AcceptWord),
    Form(AcceptFormDoc),
}

document! {
    /// A way of accepting that has a setting. Exactly one of the two.
    AcceptFormDoc, "`accept`" {
        /// One thread that waits this long before each `accept(2)`.
        "delay" => delay: Option<Timespan>,
        /// Blocking worker threads; each serves one connection until it ends.
        "pool" => pool: Option<PoolDoc>,
    }
}

document! {
    /// A pool of worker threads.
    PoolDoc, "`pool`" {
        /// Number of threads, 1 to 4096.
        "threads" => threads: Spanned<Count>,
    }
}

impl FromNode for AcceptDoc {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        if !matches!(node.kind, NodeKind::Mapping(_)) {
            return AcceptWord::from_node(node, cx).map(Self::Word);
        }
        let form = AcceptFormDoc::from_node(node, cx)?;
        if form.complete() && form.delay.is_some() == form.pool.is_some() {
            cx.error(
                form.head(),
                "`accept` must have exactly one of `delay` and `pool`",
            )
            .help("write `accept: { delay: 50ms }` or `accept: { pool: { threads: 4 } }`");
            return None;
        }
        Some(Self::Form(form))
    }
}

impl JsonSchema for AcceptDoc {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Accept".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let word = generator.subschema_for::<AcceptWord>();
        let form = generator.subschema_for::<AcceptFormDoc>();
        json_schema!({ "anyOf": [word, form] })
    }
}

/// Keys of a client that each define its load; a client has exactly one of them.
pub(crate) const LOADS: [&str; 6] = ["connect", "ramp", "hold", "loop", "bulk", "flood"];

document! {
    /// A built-in client with exactly one load: `connect`, `ramp`, `hold`, `loop`, `bulk` or `flood`.
    ClientDoc, "a client" {
        /// The node on which it runs.
        "node" => node: Spanned<Text>,
        /// A server, `NODE:PORT`, or a node with one `dnat` port.
        "to" => to: Spanned<Text>,
        /// Open loop: attempts start on schedule, whatever became of earlier ones.
        "connect" => connect: Option<ConnectDoc>,
        /// Open loop with a changing rate.
        "ramp" => ramp: Option<RampDoc>,
        /// Opens connections and holds them all.
        "hold" => hold: Option<HoldDoc>,
        /// Closed loop: a request starts as soon as an earlier one ends.
        "loop" => closed_loop: Option<LoopDoc>,
        /// Sends bytes as fast as the kernel takes them.
        "bulk" => bulk: Option<BulkDoc>,
        /// Sends SYNs from forged addresses, and nothing after them.
        "flood" => flood: Option<FloodDoc>,
        /// Number of local addresses that it uses in turn, 1 to 65536. By default the kernel chooses.
        "sources" => sources: Option<Spanned<Count>>,
        /// The choice of the local port: `kernel` (the default), `sequential` or `bind`.
        "port" => port: Option<Spanned<PortChoice>>,
        /// Time of the first attempt, from the start of the clock. The default is 0s.
        "start" => start: Option<Spanned<Timespan>>,
        /// `true` sets `SO_KEEPALIVE` on its connections, as for a server. The default is false.
        "so-keepalive" => so_keepalive: Option<Switch>,
        /// `true` if each connection of `connect`, `ramp` and `hold` carries an HTTP request and its reply.
        /// The default is `true` if the server has a `reply`, passes requests on, or is the side that closes.
        "request" => request: Option<Spanned<Switch>>,
    }
}

document! {
    /// Attempts at a constant rate, for a time (`for`) or up to a number (`count`).
    ConnectDoc, "`connect`" {
        /// Attempts per second, up to 200000/s.
        "rate" => rate: Spanned<EventRate>,
        /// Time during which attempts start.
        "for" => duration: Option<Spanned<Timespan>>,
        /// Number of attempts, in place of `for`.
        "count" => count: Option<Spanned<Count>>,
        /// Bound on one attempt, from its start to its end. The default is 10s.
        "timeout" => timeout: Option<Spanned<Timespan>>,
        /// The side that closes: `client`, `server`, `reset` or `hold`. The default is `server` if the server
        /// closes first, else `client`.
        "close" => close: Option<Spanned<ClientClose>>,
        /// The choice of the local port: `kernel` (the default), `sequential` or `bind`.
        "port" => port: Option<Spanned<PortChoice>>,
    }
}

document! {
    /// Attempts at a rate that changes linearly, for a time (`for`) or up to a number (`count`).
    RampDoc, "`ramp`" {
        /// Rate at the start.
        "from" => from: Spanned<EventRate>,
        /// Rate at the end.
        "to" => to: Spanned<EventRate>,
        /// Time during which attempts start.
        "for" => duration: Option<Spanned<Timespan>>,
        /// Number of attempts, in place of `for`.
        "count" => count: Option<Spanned<Count>>,
        /// Bound on one attempt. The default is 10s.
        "timeout" => timeout: Option<Spanned<Timespan>>,
        /// The side that closes, as in `connect`.
        "close" => close: Option<Spanned<ClientClose>>,
        /// The choice of the local port: `kernel` (the default), `sequential` or `bind`.
        "port" => port: Option<Spanned<PortChoice>>,
    }
}

document! {
    /// Connections that are opened at a constant rate and all held.
    HoldDoc, "`hold`" {
        /// Number of connections, up to 2000000.
        "connections" => connections: Spanned<Count>,
        /// Connections opened per second.
        "rate" => rate: Spanned<EventRate>,
        /// Time that they are held once the last has been tried.
        "for" => duration: Spanned<Timespan>,
        /// Bound on one connect. The default is 10s.
        "timeout" => timeout: Option<Spanned<Timespan>>,
        /// The choice of the local port: `kernel` (the default), `sequential` or `bind`.
        "port" => port: Option<Spanned<PortChoice>>,
    }
}

document! {
    /// Requests in a closed loop, as `ab -c 5 -n 50000` sends them.
    LoopDoc, "`loop`" {
        /// Number of concurrent requests. The default is 1.
        "concurrency" => concurrency: Option<Spanned<Count>>,
        /// Number of requests in all.
        "requests" => requests: Spanned<Count>,
        /// `true` if a connection carries more than one request. The default is false.
        "keep-alive" => keep_alive: Option<Switch>,
        /// Bound on one request. The default is 10s.
        "timeout" => timeout: Option<Spanned<Timespan>>,
        /// The choice of the local port: `kernel` (the default), `sequential` or `bind`.
        "port" => port: Option<Spanned<PortChoice>>,
    }
}

document! {
    /// A SYN flood, for a time (`for`) or up to a number (`count`). Its node has one link and routes nothing,
    /// so that nothing answers for the forged addresses.
    FloodDoc, "`flood`" {
        /// SYNs per second, up to 200000/s.
        "rate" => rate: Spanned<EventRate>,
        /// Time during which SYNs are sent.
        "for" => duration: Option<Spanned<Timespan>>,
        /// Number of SYNs, in place of `for`.
        "count" => count: Option<Spanned<Count>>,
        /// Number of forged addresses, 1 to 65535, which the lab assigns. The default is 65535.
        "sources" => sources: Option<Spanned<Count>>,
    }
}

document! {
    /// A transfer from client to server.
    BulkDoc, "`bulk`" {
        /// Bytes of each stream.
        "bytes" => bytes: Spanned<Bytes>,
        /// Number of concurrent streams. The default is 1.
        "streams" => streams: Option<Spanned<Count>>,
        /// Bytes of each `write(2)`. The default is 64KiB.
        "write" => write: Option<Spanned<Bytes>>,
        /// `true` sends each write at once (`TCP_NODELAY`); otherwise small ones wait for an acknowledgement
        /// (Nagle). The default is false.
        "nodelay" => nodelay: Option<Switch>,
        /// Bound on the whole transfer. The default is 60s.
        "timeout" => timeout: Option<Spanned<Timespan>>,
        /// The choice of the local port: `kernel` (the default), `sequential` or `bind`.
        "port" => port: Option<Spanned<PortChoice>>,
    }
}

document! {
    /// A real program on a node. It ends with the lab at the latest.
    CommandDoc, "a command" {
        /// The node on which it runs.
        "node" => node: Spanned<Text>,
        /// Program and arguments. `${NAME.address}` and `${NAME.port}` stand for the address and port of a
        /// server or node as this command's node reaches them; an IPv6 address before `:` or after `//` gets
        /// its brackets. `$$` is a dollar.
        "run" => run: Spanned<List<TextWithReferences>>,
        /// Time after which it is killed. The default is 60s.
        "timeout" => timeout: Option<Spanned<Timespan>>,
        /// Time of its start, from the start of the clock. The default is 0s.
        "start" => start: Option<Spanned<Timespan>>,
        /// Environment variables in addition to the lab's own; `${NAME.address}` as in `run`.
        "env" => env: Option<Entries<TextWithReferences>>,
        /// `port 80`, for a program that serves. It is started before the clock, which waits until the
        /// program listens on the port, for `timeout` at most (default 30s), and it runs until the lab ends.
        /// Clients name it in `to`.
        "ready" => ready: Option<Spanned<ListensOn>>,
        /// `true` if it runs until the lab ends, whatever its exit status. The default is false.
        "background" => background: Option<Spanned<Switch>>,
        /// The contents of its files, by name; `${NAME.address}` as in `run`. The files are in a writable
        /// folder of its own, `${files}`, which is removed with it.
        "files" => files: Option<Entries<TextWithReferences>>,
    }
}

/// A text in which `${NAME.address}` is filled in later.
#[derive(Debug, Clone)]
pub(crate) struct TextWithReferences {
    pub(crate) scalar: Scalar,
    pub(crate) span: span::Span,
}

impl FromNode for TextWithReferences {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        if let NodeKind::Scalar(scalar) = &node.kind {
            return Some(Self {
                scalar: scalar.clone(),
                span: node.span,
            });
        }
        Text::from_node(node, cx).map(|_| None)?
    }
}

impl JsonSchema for TextWithReferences {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        Text::schema_name()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Text>()
    }
}

document! {
    /// An action at a given time. Exactly one of `link`, `impair`, `sysctl` and `stop`.
    StepDoc, "a step" {
        /// Time from the start of the clock.
        "at" => at: Spanned<Timespan>,
        /// Takes the links between two nodes down or up, or changes their impairment, as `impair` does.
        "link" => link: Option<LinkStepDoc>,
        /// Replaces the impairment of the links between two nodes; keys that are not given are as
        /// on a plain link.
        "impair" => impair: Option<ImpairStepDoc>,
        /// Writes sysctls of a node.
        "sysctl" => sysctl: Option<SysctlStepDoc>,
        /// Stops a server, client or command: `web`, or `{ actor: web, how: reset }`.
        "stop" => stop: Option<StopDoc>,
    }
}

/// The actor that is stopped, and the way in which it stops.
#[derive(Debug, Clone)]
pub(crate) enum StopDoc {
    Name(Spanned<Text>),
    Form(StopFormDoc),
}

document! {
    /// The actor that is stopped, and the way in which it stops.
    StopFormDoc, "`stop`" {
        /// The server, client or command.
        "actor" => actor: Spanned<Text>,
        /// `fin` (the default): as if its process were killed. `reset`: its connections end with RST.
        /// `vanish`: its node disappears silently, as if its cable were cut, and everything else on
        /// the node with it.
        "how" => how: Option<Spanned<StopHow>>,
    }
}

impl FromNode for StopDoc {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        if matches!(node.kind, NodeKind::Mapping(_)) {
            StopFormDoc::from_node(node, cx).map(Self::Form)
        } else {
            Spanned::from_node(node, cx).map(Self::Name)
        }
    }
}

impl JsonSchema for StopDoc {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Stop".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let name = generator.subschema_for::<Text>();
        let form = generator.subschema_for::<StopFormDoc>();
        json_schema!({ "anyOf": [name, form] })
    }
}

document! {
    /// A change of the state or of the impairment of links. In an impairment, keys that are not given are as
    /// on a plain link.
    LinkStepDoc, "`link`" {
        /// The nodes at the ends of the links.
        "between" => between: Spanned<List<Spanned<Text>>>,
        /// The new state: `up` or `down`.
        "state" => state: Option<LinkUp>,
        /// Delay in each direction.
        "delay" => delay: Option<Timespan>,
        /// Greatest deviation from the delay, either way.
        "jitter" => jitter: Option<Spanned<Timespan>>,
        /// Percentage of packets that are lost.
        "loss" => loss: Option<Share>,
        /// Bandwidth in each direction: `10Mbit/s`.
        "rate" => rate: Option<Bandwidth>,
        /// Bytes that may wait in front of the bandwidth limit.
        "queue" => queue: Option<Spanned<Bytes>>,
        /// Percentage of packets that skip the delay and so overtake those before them.
        "reorder" => reorder: Option<Spanned<Share>>,
        /// Percentage of packets that arrive twice.
        "duplicate" => duplicate: Option<Share>,
    }
}

document! {
    /// A change of the impairment of links.
    ImpairStepDoc, "`impair`" {
        /// The nodes at the ends of the links.
        "between" => between: Spanned<List<Spanned<Text>>>,
        /// Delay in each direction.
        "delay" => delay: Option<Timespan>,
        /// Greatest deviation from the delay, either way.
        "jitter" => jitter: Option<Spanned<Timespan>>,
        /// Percentage of packets that are lost.
        "loss" => loss: Option<Share>,
        /// Bandwidth in each direction: `10Mbit/s`.
        "rate" => rate: Option<Bandwidth>,
        /// Bytes that may wait in front of the bandwidth limit.
        "queue" => queue: Option<Spanned<Bytes>>,
        /// Percentage of packets that skip the delay and so overtake those before them.
        "reorder" => reorder: Option<Spanned<Share>>,
        /// Percentage of packets that arrive twice.
        "duplicate" => duplicate: Option<Share>,
    }
}

/// `sysctl: { node: a, net.ipv4.tcp_fin_timeout: 10 }`.
#[derive(Debug, Clone)]
pub(crate) struct SysctlStepDoc {
    pub(crate) node: Spanned<Text>,
    pub(crate) settings: Entries<Spanned<SysctlValue>>,
}

impl FromNode for SysctlStepDoc {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        let settings = Node {
            kind: match &node.kind {
                NodeKind::Mapping(entries) => NodeKind::Mapping(
                    entries
                        .iter()
                        .filter(|entry| entry.key.text != "node")
                        .cloned()
                        .collect(),
                ),
                other => other.clone(),
            },
            ..*node
        };
        let settings = Entries::from_node(&settings, cx)?;
        let Some(on) = node.get("node") else {
            cx.error(node.head, "`sysctl` has no `node`")
                .help("write `sysctl: { node: NAME, net.ipv4.tcp_fin_timeout: 10 }`");
            return None;
        };
        Some(Self {
            node: Spanned::from_node(on, cx)?,
            settings,
        })
    }
}

impl JsonSchema for SysctlStepDoc {
    fn schema_name() -> Cow<'static, str> {
        "SysctlStep".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let name = generator.subschema_for::<Text>();
        let value = generator.subschema_for::<SysctlValue>();
        json_schema!({
            "description": "Sysctls of a node: `node`, and each key with its new value.",
            "type": "object",
            "properties": { "node": name },
            "required": ["node"],
            "additionalProperties": value,
        })
    }
}
