//! Servers, clients, commands and steps as written.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::values::{
    AcceptWord, Bandwidth, Bytes, Count, EventRate, LinkUp, ListensOn, Port, Share, Switch,
    SysctlValue, Text, Timespan,
};
use crate::scenario::decode::{Entries, Framed, FromNode, List, document};
use crate::scenario::node::{Kind, Node, Scalar};
use crate::scenario::problem::Collector;
use crate::scenario::span::{self, Spanned};
use crate::scenario::workload::{ClientClose, PortChoice, ServerClose, StopHow};

document! {
    /// A built-in server. It listens on the wildcard address before the clock starts.
    ServerDoc, "a server" {
        /// Where it runs.
        "node" => node: Spanned<Text>,
        /// TCP port.
        "port" => port: Spanned<Port>,
        /// Second argument of `listen(2)`, 0 to 65535; the kernel bounds it by `net.core.somaxconn`, which the
        /// lab pins. The default is 4096.
        "backlog" => backlog: Option<Spanned<Count>>,
        /// How it accepts: `epoll` (the default), `never`, `select`, `poll`, `{ delay: 50ms }` or `{ pool: { threads: 4 } }`.
        "accept" => accept: Option<Spanned<AcceptDoc>>,
        /// Body bytes of each reply. The default is 0.
        "reply" => reply: Option<Spanned<Bytes>>,
        /// Who closes: `first` (the server, after its reply), `after-client`, `never`. Without it the server closes
        /// after the reply unless the request asked for keep-alive.
        "close" => close: Option<Spanned<ServerClose>>,
        /// How long an idle connection is kept. The default is 5s.
        "keep-alive" => keep_alive: Option<Spanned<Timespan>>,
        /// Whether its connections have `SO_KEEPALIVE`: idle ones are probed as `net.ipv4.tcp_keepalive_*` say. The default is false.
        "so-keepalive" => so_keepalive: Option<Switch>,
        /// Makes it a proxy: each request goes on to this server, by a connection of its own from the proxy's node, which the
        /// proxy closes once the reply is whole. Where there is no connection the client gets 503. As a client's `to`.
        "forward" => forward: Option<Spanned<Text>>,
    }
}

/// How a server accepts.
#[derive(Debug, Clone)]
pub(crate) enum AcceptDoc {
    Word(AcceptWord),
    Form(AcceptFormDoc),
}

document! {
    /// How a server accepts, with a setting. Exactly one of the two.
    AcceptFormDoc, "`accept`" {
        /// One thread that waits this long before each `accept(2)`.
        "delay" => delay: Option<Timespan>,
        /// Blocking worker threads; each serves one connection to its end.
        "pool" => pool: Option<PoolDoc>,
    }
}

document! {
    /// A pool of worker threads.
    PoolDoc, "`pool`" {
        /// How many, 1 to 4096.
        "threads" => threads: Spanned<Count>,
    }
}

impl FromNode for AcceptDoc {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        if !matches!(node.kind, Kind::Mapping(_)) {
            return AcceptWord::from_node(node, cx).map(Self::Word);
        }
        let form = AcceptFormDoc::from_node(node, cx)?;
        if form.complete() && form.delay.is_some() == form.pool.is_some() {
            cx.error(form.head(), "`accept` takes one way of accepting")
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

document! {
    /// A built-in client with exactly one load: `connect`, `ramp`, `hold`, `loop`, `bulk` or `flood`.
    ClientDoc, "a client" {
        /// Where it runs.
        "node" => node: Spanned<Text>,
        /// A server; `NODE:PORT`; or a node with one `dnat` port.
        "to" => to: Spanned<Text>,
        /// Open loop: attempts start when the schedule says, whatever happened to the ones before.
        "connect" => connect: Option<ConnectDoc>,
        /// Open loop with a rate that changes.
        "ramp" => ramp: Option<RampDoc>,
        /// Opens connections and holds them all.
        "hold" => hold: Option<HoldDoc>,
        /// Closed loop: as soon as one request ends, the next begins.
        "loop" => closed_loop: Option<LoopDoc>,
        /// Sends bytes as fast as the kernel takes them.
        "bulk" => bulk: Option<BulkDoc>,
        /// SYNs from forged addresses, at a rate, and nothing after.
        "flood" => flood: Option<FloodDoc>,
        /// How many local addresses it uses in turn, 1 to 65536. Without it, the kernel chooses.
        "sources" => sources: Option<Spanned<Count>>,
        /// Who chooses the local port: `kernel` (the default), `sequential` or `bind`.
        "port" => port: Option<Spanned<PortChoice>>,
        /// When it begins, from the start of the clock. The default is 0s.
        "start" => start: Option<Spanned<Timespan>>,
        /// Whether its connections have `SO_KEEPALIVE`, as for a server. The default is false.
        "so-keepalive" => so_keepalive: Option<Switch>,
        /// Whether each connection of `connect`, `ramp` and `hold` carries an HTTP request and its reply. Without it: where the
        /// server has a `reply`, or passes requests on, or is to close.
        "request" => request: Option<Spanned<Switch>>,
    }
}

document! {
    /// Attempts at a constant rate, for a time (`for`) or up to a number (`count`).
    ConnectDoc, "`connect`" {
        /// Attempts a second, up to 200000/s.
        "rate" => rate: Spanned<EventRate>,
        /// How long attempts are started.
        "for" => duration: Option<Spanned<Timespan>>,
        /// How many attempts, in place of `for`.
        "count" => count: Option<Spanned<Count>>,
        /// Bound on one attempt, from its start to its end. The default is 10s.
        "timeout" => timeout: Option<Spanned<Timespan>>,
        /// Who closes: `client`, `server`, `reset` or `hold`. The default is `server` where the server closes first, else `client`.
        "close" => close: Option<Spanned<ClientClose>>,
        /// Who chooses the local port: `kernel` (the default), `sequential` or `bind`.
        "port" => port: Option<Spanned<PortChoice>>,
    }
}

document! {
    /// Attempts at a rate that changes evenly, for a time (`for`) or up to a number (`count`).
    RampDoc, "`ramp`" {
        /// Rate at the start.
        "from" => from: Spanned<EventRate>,
        /// Rate at the end.
        "to" => to: Spanned<EventRate>,
        /// How long attempts are started.
        "for" => duration: Option<Spanned<Timespan>>,
        /// How many attempts, in place of `for`.
        "count" => count: Option<Spanned<Count>>,
        /// Bound on one attempt. The default is 10s.
        "timeout" => timeout: Option<Spanned<Timespan>>,
        /// Who closes, as in `connect`.
        "close" => close: Option<Spanned<ClientClose>>,
        /// Who chooses the local port: `kernel` (the default), `sequential` or `bind`.
        "port" => port: Option<Spanned<PortChoice>>,
    }
}

document! {
    /// Connections that are opened at a rate and all held.
    HoldDoc, "`hold`" {
        /// How many, up to 2000000.
        "connections" => connections: Spanned<Count>,
        /// How fast they are opened.
        "rate" => rate: Spanned<EventRate>,
        /// How long they are held once the last has been tried.
        "for" => duration: Spanned<Timespan>,
        /// Bound on one connect. The default is 10s.
        "timeout" => timeout: Option<Spanned<Timespan>>,
        /// Who chooses the local port: `kernel` (the default), `sequential` or `bind`.
        "port" => port: Option<Spanned<PortChoice>>,
    }
}

document! {
    /// Requests in a closed loop, as `ab -c 5 -n 50000` sends them.
    LoopDoc, "`loop`" {
        /// Requests under way at once. The default is 1.
        "concurrency" => concurrency: Option<Spanned<Count>>,
        /// Requests in all.
        "requests" => requests: Spanned<Count>,
        /// Whether a connection carries more than one request. The default is false.
        "keep-alive" => keep_alive: Option<Switch>,
        /// Bound on one request. The default is 10s.
        "timeout" => timeout: Option<Spanned<Timespan>>,
        /// Who chooses the local port: `kernel` (the default), `sequential` or `bind`.
        "port" => port: Option<Spanned<PortChoice>>,
    }
}

document! {
    /// A SYN flood, for a time (`for`) or up to a number (`count`). Its node has one link and routes nothing, so that nobody
    /// answers for the addresses.
    FloodDoc, "`flood`" {
        /// SYNs a second, up to 200000/s.
        "rate" => rate: Spanned<EventRate>,
        /// How long SYNs are sent.
        "for" => duration: Option<Spanned<Timespan>>,
        /// How many SYNs, in place of `for`.
        "count" => count: Option<Spanned<Count>>,
        /// How many forged addresses, 1 to 65535, which the lab gives out. The default is 65535.
        "sources" => sources: Option<Spanned<Count>>,
    }
}

document! {
    /// A transfer from client to server.
    BulkDoc, "`bulk`" {
        /// Bytes of each stream.
        "bytes" => bytes: Spanned<Bytes>,
        /// Streams at once. The default is 1.
        "streams" => streams: Option<Spanned<Count>>,
        /// Bytes of each `write(2)`. The default is 64KiB.
        "write" => write: Option<Spanned<Bytes>>,
        /// Whether each write goes out at once (`TCP_NODELAY`), or small ones wait for an acknowledgement (Nagle). The default is
        /// false.
        "nodelay" => nodelay: Option<Switch>,
        /// Bound on the whole transfer. The default is 60s.
        "timeout" => timeout: Option<Spanned<Timespan>>,
        /// Who chooses the local port: `kernel` (the default), `sequential` or `bind`.
        "port" => port: Option<Spanned<PortChoice>>,
    }
}

document! {
    /// A real program on a node. It ends with the lab at the latest.
    CommandDoc, "a command" {
        /// Where it runs.
        "node" => node: Spanned<Text>,
        /// Program and arguments. `${NAME.address}` and `${NAME.port}` stand for the address and port of a server or node
        /// as this command's node reaches them; an IPv6 address before `:` or after `//` gets its brackets. `$$` is a dollar.
        "run" => run: Spanned<List<TextWithReferences>>,
        /// It is killed after this long. The default is 60s.
        "timeout" => timeout: Option<Spanned<Timespan>>,
        /// When it starts, from the start of the clock. The default is 0s.
        "start" => start: Option<Spanned<Timespan>>,
        /// Environment variables beside the lab's own; `${NAME.address}` as in `run`.
        "env" => env: Option<Entries<TextWithReferences>>,
        /// `port 80`: a program that serves. It is started before the clock, which waits until the program listens there, for
        /// `timeout` at most (30s where absent), and runs until the lab ends. Clients name it in `to`.
        "ready" => ready: Option<Spanned<ListensOn>>,
        /// Whether it runs until the lab ends, and how it ends says nothing. The default is false.
        "background" => background: Option<Spanned<Switch>>,
        /// Files for it, by name, with their text; `${NAME.address}` as in `run`. They are in a folder of its own, `${files}`, in
        /// which it may write, and which goes with it.
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
        if let Kind::Scalar(scalar) = &node.kind {
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
    /// Something that happens at a time. Exactly one of `link`, `impair`, `sysctl` and `stop`.
    StepDoc, "a step" {
        /// When, from the start of the clock.
        "at" => at: Spanned<Timespan>,
        /// Takes the links between two nodes down or up, or changes what they do to packets, as `impair` does.
        "link" => link: Option<LinkStepDoc>,
        /// Changes what the links between two nodes do to packets; what is not given becomes as on a plain link.
        "impair" => impair: Option<ImpairStepDoc>,
        /// Writes settings of a node.
        "sysctl" => sysctl: Option<SysctlStepDoc>,
        /// Stops a server, client or command: `web`, or `{ actor: web, how: reset }`.
        "stop" => stop: Option<StopDoc>,
    }
}

/// What is stopped, and how.
#[derive(Debug, Clone)]
pub(crate) enum StopDoc {
    Name(Spanned<Text>),
    Form(StopFormDoc),
}

document! {
    /// What is stopped, and how.
    StopFormDoc, "`stop`" {
        /// The server, client or command.
        "actor" => actor: Spanned<Text>,
        /// `fin` (the default): as its process would be killed. `reset`: its connections end with RST. `vanish`: its node is
        /// gone without a word, as if its cable were cut; everything on the node is cut off with it.
        "how" => how: Option<Spanned<StopHow>>,
    }
}

impl FromNode for StopDoc {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        if matches!(node.kind, Kind::Mapping(_)) {
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
    /// A change of a link's state, or of what it does to packets; where the second, what is not given becomes as on a plain link.
    LinkStepDoc, "`link`" {
        /// The two nodes.
        "between" => between: Spanned<List<Spanned<Text>>>,
        /// `up` or `down`.
        "state" => state: Option<LinkUp>,
        /// One-way delay.
        "delay" => delay: Option<Timespan>,
        /// Greatest deviation from the delay, either way.
        "jitter" => jitter: Option<Spanned<Timespan>>,
        /// Share of packets that are lost.
        "loss" => loss: Option<Share>,
        /// Bandwidth: `10Mbit/s`.
        "rate" => rate: Option<Bandwidth>,
        /// Bytes that wait in front of the bandwidth.
        "queue" => queue: Option<Spanned<Bytes>>,
        /// Share of packets that skip the delay, and so overtake those before them.
        "reorder" => reorder: Option<Spanned<Share>>,
        /// Share of packets that arrive twice.
        "duplicate" => duplicate: Option<Share>,
    }
}

document! {
    /// A change of what a link does to packets.
    ImpairStepDoc, "`impair`" {
        /// The two nodes.
        "between" => between: Spanned<List<Spanned<Text>>>,
        /// One-way delay.
        "delay" => delay: Option<Timespan>,
        /// Greatest deviation from the delay, either way.
        "jitter" => jitter: Option<Spanned<Timespan>>,
        /// Share of packets that are lost.
        "loss" => loss: Option<Share>,
        /// Bandwidth: `10Mbit/s`.
        "rate" => rate: Option<Bandwidth>,
        /// Bytes that wait in front of the bandwidth.
        "queue" => queue: Option<Spanned<Bytes>>,
        /// Share of packets that skip the delay, and so overtake those before them.
        "reorder" => reorder: Option<Spanned<Share>>,
        /// Share of packets that arrive twice.
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
                Kind::Mapping(entries) => Kind::Mapping(
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
            cx.error(node.head, "`sysctl` lacks `node`")
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
            "description": "Settings of a node: `node`, and each key with its new value.",
            "type": "object",
            "properties": { "node": name },
            "required": ["node"],
            "additionalProperties": value,
        })
    }
}
