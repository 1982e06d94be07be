//! Resolves servers, including proxies.

use std::net::SocketAddr;
use std::time::Duration;

use indexmap::IndexMap;

use super::View;
use super::lasting;
use super::nat::report_unreachable;
use super::reply;
use super::socket_options::options;
use super::target::target;
use super::udp;
use crate::names::{ActorName, NodeName};
use crate::scenario::bounds::MAX_THREADS;
use crate::scenario::document::{AcceptDoc, AcceptWord, Count, ForwardDoc, ServerDoc};
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::span::Spanned;
use crate::scenario::workload::{
    Accept, ConnectionPool, Forward, Protocol, ServerClose, ServerSpec,
};

/// Default backlog: `net.core.somaxconn` since Linux 5.4.
const BACKLOG: u64 = 4096;
/// Default time that an idle connection is kept: Apache's `KeepAliveTimeout`.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Resolves every server that could be read.
pub(crate) fn servers(view: View<'_, '_>, cx: &mut Collector<'_>) -> Vec<ServerSpec> {
    let View {
        document, names, ..
    } = view;
    let mut taken: IndexMap<(usize, u16, Protocol), &ServerDoc> = IndexMap::new();
    let mut specs = Vec::new();
    for (name, server) in document.servers.iter().flat_map(|servers| &servers.0) {
        let Some(server) = server else { continue };
        let Some(node) = names.node(&server.node, cx) else {
            continue;
        };
        let port = server.port.value.0;
        let protocol = protocol(server);
        if let Some(first) = taken.insert((node, port, protocol), server)
            && !(shares_port(first) && shares_port(server))
        {
            cx.error_between(
                server.port.span,
                format!(
                    "port {port} of {} is already taken",
                    quoted(names.node_name(node))
                ),
                first.port.span,
                "by the server here",
            )
            .label("used again here")
            .help("several servers can listen on a port if each has `options: { SO_REUSEPORT: true }`");
        }
        if let Some(forward) = &server.forward {
            refuse_server_keys(server, forward, cx);
        }
        if protocol == Protocol::Udp {
            udp::refuse_tcp_keys(server, cx);
        }
        let reply = reply::reply(
            server.reply.as_ref().map(|reply| &reply.value),
            protocol,
            cx,
        );
        if let Some(time) = server.keep_alive.filter(|time| time.value.0.is_zero()) {
            cx.error(time.span, "an idle connection cannot be kept for 0s").help(
                "`close: first` makes the server close each connection after its reply; for a short time, write `1ms`",
            );
        }
        specs.push(ServerSpec {
            name: ActorName::new(&name.value),
            node: NodeName::new(names.node_name(node)),
            port,
            protocol,
            start: server.start.map_or(Duration::ZERO, |start| start.value.0),
            backlog: number(server.backlog, BACKLOG, 0..=65_535, "`backlog`", cx),
            accept: accept(server.accept.as_ref().map(|accept| &accept.value), cx),
            answer: reply.answer,
            reply: reply.bytes,
            reply_pace: reply.pace,
            close: server
                .close
                .map_or(ServerClose::AsRequested, |close| close.value),
            keep_alive: server.keep_alive.map_or(KEEP_ALIVE, |time| time.value.0),
            forward: server
                .forward
                .as_ref()
                .and_then(|written| forward(server, &written.value, node, view, cx)),
            pool: pool(server, cx),
            so_keepalive: server.so_keepalive.is_some_and(|on| on.0),
            options: options(server.options.as_ref(), protocol, cx),
            place: cx.source.place(name.span.start),
        });
    }
    specs
}

/// Returns true if a server lets others listen on its port (`SO_REUSEPORT`).
fn shares_port(server: &ServerDoc) -> bool {
    let options = server.options.iter().flat_map(|options| &options.0.0);
    options
        .filter(|(name, _)| name.value == "SO_REUSEPORT")
        .filter_map(|(_, value)| value.as_ref())
        .any(|value| matches!(value.value.0.as_str(), "true" | "yes" | "on" | "1"))
}

/// Resolves the connections that a proxy keeps to the server behind it.
fn pool(server: &ServerDoc, cx: &mut Collector<'_>) -> Option<ConnectionPool> {
    let written = server.pool.as_ref()?;
    if server.forward.is_none() {
        cx.error(written.span, "only a proxy has a `pool`")
            .help("add `forward`; a pool of threads is `accept: { pool: { threads: 4 } }`");
    }
    Some(lasting::pool(Some(&written.value), true, cx))
}

/// Returns the protocol of a server.
pub(crate) fn protocol(server: &ServerDoc) -> Protocol {
    server
        .protocol
        .map_or(Protocol::Tcp, |protocol| protocol.value)
}

/// Reports the keys that a proxy cannot have: its replies come from the server behind it, and it
/// runs one event loop.
fn refuse_server_keys(server: &ServerDoc, forward: &Spanned<ForwardDoc>, cx: &mut Collector<'_>) {
    let accept = server.accept.as_ref();
    let accept =
        accept.filter(|accept| !matches!(accept.value, AcceptDoc::Word(AcceptWord::Epoll)));
    let keys = [
        ("reply", server.reply.as_ref().map(|reply| reply.span)),
        ("accept", accept.map(|accept| accept.span)),
    ];
    for (key, span) in keys {
        let Some(span) = span else { continue };
        cx.error_between(
            span,
            format!("a proxy cannot have `{key}`"),
            forward.span,
            "this makes it a proxy",
        )
        .help(match key {
            "reply" => "a proxy passes on replies: set `reply` on the server behind it",
            _ => "a proxy always accepts with epoll: leave `accept` out",
        });
    }
}

/// Resolves the server that a proxy passes requests on to.
fn forward(
    server: &ServerDoc,
    written: &ForwardDoc,
    node: usize,
    view: View<'_, '_>,
    cx: &mut Collector<'_>,
) -> Option<Forward> {
    let (names, to) = (view.names, &written.to);
    let target = target(to, view.document, names, cx)?;
    let behind = |server: &ServerDoc| {
        let next = server.forward.as_ref()?.value.to.value.0.as_str();
        names.servers.get(next).copied().flatten()
    };
    let mut next = target.server;
    for _ in 0..names.servers.len() {
        if next.is_some_and(|next| std::ptr::eq(next, server)) {
            cx.error(to.span, "the requests that it forwards come back to it")
                .help("a chain of `forward` must end at a server that replies by itself");
            return None;
        }
        next = next.and_then(behind);
    }
    let Some(address) = view.lab.network.address_from(node, target.node) else {
        report_unreachable(node, target.node, to, view, cx);
        return None;
    };
    Some(Forward {
        target: SocketAddr::new(address, target.port),
        to: target.by_name.then(|| ActorName::new(&to.value.0)),
        port: written.port.unwrap_or_default(),
    })
}

fn accept(written: Option<&AcceptDoc>, cx: &mut Collector<'_>) -> Accept {
    match written {
        None | Some(AcceptDoc::Word(AcceptWord::Epoll)) => Accept::Epoll,
        Some(AcceptDoc::Word(AcceptWord::Never)) => Accept::Never,
        Some(AcceptDoc::Word(AcceptWord::Select)) => Accept::Select,
        Some(AcceptDoc::Word(AcceptWord::Poll)) => Accept::Poll,
        Some(AcceptDoc::Word(AcceptWord::UntilEmfile)) => Accept::UntilEmfile,
        Some(AcceptDoc::Form(form)) => match (&form.delay, &form.pool) {
            (_, Some(pool)) => Accept::Pool {
                threads: number(Some(pool.threads), 1, 1..=MAX_THREADS, "`threads`", cx),
            },
            (delay, None) => Accept::Delay(delay.map_or(Duration::ZERO, |delay| delay.0)),
        },
    }
}

/// Returns a number, or its default; reports a number that is out of bounds.
pub(crate) fn number<T: TryFrom<u64> + Default>(
    written: Option<Spanned<Count>>,
    default: u64,
    bounds: std::ops::RangeInclusive<u64>,
    key: &str,
    cx: &mut Collector<'_>,
) -> T {
    let number = match written {
        None => default,
        Some(written) => {
            let number = written.value.0;
            if !bounds.contains(&number) {
                cx.error(
                    written.span,
                    format!(
                        "{key} must be between {} and {}",
                        bounds.start(),
                        bounds.end()
                    ),
                )
                .label(format!("{number} is out of bounds"));
                *bounds.start()
            } else {
                number
            }
        }
    };
    T::try_from(number).unwrap_or_default()
}
