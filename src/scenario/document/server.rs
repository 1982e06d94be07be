//! Servers as written.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::client::ConnectionPoolDoc;
use super::reply::ReplyDoc;
use super::socket_options::OptionsDoc;
use super::values::{AcceptWord, Count, PortNumber, Switch, Text, Timespan};
use crate::scenario::decode::{Framed, FromNode, document};
use crate::scenario::node::{Node, NodeKind};
use crate::scenario::problem::Collector;
use crate::scenario::span::Spanned;
use crate::scenario::workload::{PortChoice, Protocol, ServerClose};

document! {
    /// A built-in server. It listens on the wildcard address before the clock starts.
    ServerDoc, "a server" {
        /// The node on which it runs.
        "node" => node: Spanned<Text>,
        /// The port that it listens on.
        "port" => port: Spanned<PortNumber>,
        /// `tcp` (the default) or `udp`. A UDP server reads datagrams and answers each: with a copy, unless
        /// `reply` says otherwise.
        "protocol" => protocol: Option<Spanned<Protocol>>,
        /// Time at which it begins to listen, from the start of the clock. By default it listens before.
        "start" => start: Option<Spanned<Timespan>>,
        /// Second argument of `listen(2)`, 0 to 65535. The kernel bounds it by `net.core.somaxconn`, which
        /// the lab pins. The default is 4096.
        "backlog" => backlog: Option<Spanned<Count>>,
        /// The way of accepting: `epoll` (the default), `never`, `select`, `poll`, `until-emfile` (stops for good
        /// when it has no descriptor left), `{ delay: 50ms }` or `{ pool: { threads: 4 } }`. A UDP server reads
        /// datagrams that way: `epoll`, `never` or `{ delay: 50ms }`.
        "accept" => accept: Option<Spanned<AcceptDoc>>,
        /// Body bytes of each reply (the default is 0), `never` for none at all, or
        /// `{ bytes: 1KiB, after: 2s, rate: 10KiB/s }`. Over UDP, also `echo`, which is the default there.
        "reply" => reply: Option<Spanned<ReplyDoc>>,
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
        /// the client gets a 503. Written like a client's `to`, or `{ to: web, port: sequential }`.
        "forward" => forward: Option<Spanned<ForwardDoc>>,
        /// The connections that a proxy keeps open to the server behind it, instead of one for each request.
        "pool" => pool: Option<Spanned<ConnectionPoolDoc>>,
        /// Socket options by their kernel names, set before `bind(2)`: `{ TCP_USER_TIMEOUT: 5s }`. Accepted sockets
        /// inherit them.
        "options" => options: Option<OptionsDoc>,
    }
}

/// The server behind a proxy.
#[derive(Debug, Clone)]
pub(crate) struct ForwardDoc {
    pub(crate) to: Spanned<Text>,
    pub(crate) port: Option<PortChoice>,
}

document! {
    /// The server behind a proxy, and the way to it.
    ForwardFormDoc, "`forward`" {
        /// The server. Written like a client's `to`.
        "to" => to: Spanned<Text>,
        /// The choice of the proxy's local port: `kernel` (the default), `sequential` or `bind`, as for a client.
        "port" => port: Option<PortChoice>,
    }
}

impl FromNode for ForwardDoc {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        if matches!(node.kind, NodeKind::Mapping(_)) {
            let ForwardFormDoc { to, port, .. } = ForwardFormDoc::from_node(node, cx)?;
            return Some(Self { to, port });
        }
        let to = Spanned::from_node(node, cx)?;
        Some(Self { to, port: None })
    }
}

impl JsonSchema for ForwardDoc {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Forward".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let to = generator.subschema_for::<Text>();
        let form = generator.subschema_for::<ForwardFormDoc>();
        json_schema!({ "if": { "type": "object" }, "then": form, "else": to })
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
        json_schema!({ "if": { "type": "object" }, "then": form, "else": word })
    }
}
