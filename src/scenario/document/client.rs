//! Clients as written, each with one load.

use super::exchange::ExchangeStepDoc;
use super::socket_options::OptionsDoc;
use super::values::{Bytes, Count, EventRate, Switch, Text, Timespan};
use super::words::ViaWord;
use crate::scenario::decode::{List, document};
use crate::scenario::span::Spanned;
use crate::scenario::workload::{ClientClose, PoolOrder, PortChoice, QuerySockets};

/// Keys of a client that each define its load; a client has exactly one of them.
pub(crate) const LOADS: [&str; 9] = [
    "connect", "ramp", "hold", "loop", "requests", "exchange", "bulk", "queries", "flood",
];

document! {
    /// A built-in client with exactly one load: `connect`, `ramp`, `hold`, `loop`, `requests`, `exchange`, `bulk`,
    /// `queries` or `flood`.
    ClientDoc, "a client" {
        /// The node on which it runs.
        "node" => node: Spanned<Text>,
        /// A server, `NODE:PORT`, or a node with one `dnat` port.
        "to" => to: Spanned<Text>,
        /// `loopback`: reaches a server on its own node at 127.0.0.1 (`::1`). The default is the node's address.
        "via" => via: Option<Spanned<ViaWord>>,
        /// Open loop: attempts start on schedule, whatever became of earlier ones.
        "connect" => connect: Option<ConnectDoc>,
        /// Open loop with a changing rate.
        "ramp" => ramp: Option<RampDoc>,
        /// Opens connections and holds them all.
        "hold" => hold: Option<HoldDoc>,
        /// Closed loop: a request starts as soon as an earlier one ends.
        "loop" => closed_loop: Option<LoopDoc>,
        /// Open loop of requests over a pool of connections.
        "requests" => requests: Option<RequestsDoc>,
        /// The steps on each connection: `[ { send: 1KiB }, reply, { pause: 3s }, { send: 1KiB }, reply ]`. Then the
        /// client closes it.
        "exchange" => exchange: Option<Spanned<List<ExchangeStepDoc>>>,
        /// Number of connections of an `exchange`, which all start at once. The default is 1.
        "connections" => connections: Option<Spanned<Count>>,
        /// Sends bytes as fast as the kernel takes them.
        "bulk" => bulk: Option<BulkDoc>,
        /// Asks a UDP server, and waits for the answers.
        "queries" => queries: Option<QueriesDoc>,
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
        /// Socket options by their kernel names, set on each socket before it connects: `{ TCP_NODELAY: true }`.
        "options" => options: Option<OptionsDoc>,
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
        /// Pause of each worker between a reply and its next request. The default is none.
        "think" => think: Option<Timespan>,
        /// Bound on one request. The default is 10s.
        "timeout" => timeout: Option<Spanned<Timespan>>,
        /// The choice of the local port: `kernel` (the default), `sequential` or `bind`.
        "port" => port: Option<Spanned<PortChoice>>,
    }
}

document! {
    /// Requests at a constant rate, for a time (`for`) or up to a number (`count`), over a pool of connections.
    RequestsDoc, "`requests`" {
        /// Requests per second, up to 200000/s.
        "rate" => rate: Spanned<EventRate>,
        /// Time during which requests start.
        "for" => duration: Option<Spanned<Timespan>>,
        /// Number of requests, in place of `for`.
        "count" => count: Option<Spanned<Count>>,
        /// Bound on one request, including its wait for a connection. The default is 10s.
        "timeout" => timeout: Option<Spanned<Timespan>>,
        /// The pool. The default is one connection that is kept for 60s.
        "pool" => pool: Option<ConnectionPoolDoc>,
    }
}

document! {
    /// A pool of connections, each of which carries one request at a time.
    ConnectionPoolDoc, "`pool`" {
        /// Most connections: of a client, all of them; of a proxy, the idle ones that it keeps. The default is 1.
        "size" => size: Option<Spanned<Count>>,
        /// Time after which an idle connection is closed; a proxy closes it at its next request. The default is 60s.
        "idle" => idle: Option<Spanned<Timespan>>,
        /// The idle connection that is used next: `lifo` (the default), the one that was used last, or `fifo`, the one
        /// that has been idle for longest.
        "order" => order: Option<Spanned<PoolOrder>>,
        /// `true` if an idle connection that its peer has closed is found and replaced before it is used. The
        /// default is `false` for a client, `true` for a proxy.
        "check" => check: Option<Switch>,
    }
}

document! {
    /// Queries over UDP, for a time (`for`) or up to a number of lookups (`count`). A lookup sends `at-once` queries
    /// from one socket, so `rate: 10/s, for: 2s, at-once: 2` makes 40 queries. Each is a DNS question for
    /// `nslab.test`.
    QueriesDoc, "`queries`" {
        /// Lookups per second, up to 200000/s.
        "rate" => rate: Spanned<EventRate>,
        /// Time during which lookups start.
        "for" => duration: Option<Spanned<Timespan>>,
        /// Number of lookups, in place of `for`.
        "count" => count: Option<Spanned<Count>>,
        /// Time without an answer after which a query is sent again, or fails with ETIMEDOUT. The default is 5s,
        /// as in resolv.conf(5).
        "timeout" => timeout: Option<Spanned<Timespan>>,
        /// Number of times that a query is sent again, up to 100. The default is 0.
        "retries" => retries: Option<Spanned<Count>>,
        /// `each` (the default): one socket per lookup. `one`: one socket, and so one port, for all of them.
        "sockets" => sockets: Option<Spanned<QuerySockets>>,
        /// Number of queries that a lookup sends at once, from one socket, up to 1000. The default is 1.
        "at-once" => at_once: Option<Spanned<Count>>,
        /// `true` if each of the queries of a lookup is sent by a thread of its own, at the same moment, so that
        /// several processors handle them. Then `at-once` is 2 to 8.
        "threads" => threads: Option<Switch>,
        /// Bytes of a query, 28 (the default) to 65507.
        "bytes" => bytes: Option<Spanned<Count>>,
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
