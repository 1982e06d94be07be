//! Servers as meant.

use std::net::SocketAddr;
use std::time::Duration;

use indexmap::IndexMap;

use super::View;
use super::nat::unreachable_node;
use super::target::target;
use crate::names::{ActorName, NodeName};
use crate::scenario::bounds::{MAX_THREADS, MAX_TRANSFER};
use crate::scenario::document::{AcceptDoc, AcceptWord, Count, ServerDoc, Text};
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::span::{Span, Spanned};
use crate::scenario::workload::{Accept, Forward, ServerClose, ServerSpec};
use crate::units::ByteCount;

/// `net.core.somaxconn` since Linux 5.4: what a server asks for unless the scenario says otherwise.
const BACKLOG: u64 = 4096;
/// How long an idle connection is kept: Apache's `KeepAliveTimeout`.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Every server that could be read.
pub(crate) fn servers(view: View<'_, '_>, cx: &mut Collector<'_>) -> Vec<ServerSpec> {
    let View {
        document, names, ..
    } = view;
    let mut taken: IndexMap<(usize, u16), Span> = IndexMap::new();
    let mut specs = Vec::new();
    for (name, server) in document.servers.iter().flat_map(|servers| &servers.0) {
        let Some(server) = server else { continue };
        let Some(node) = names.node(&server.node, cx) else {
            continue;
        };
        let port = server.port.value.0;
        if let Some(first) = taken.insert((node, port), server.port.span) {
            cx.error_between(
                server.port.span,
                format!("port {port} of {} is taken", quoted(names.node_name(node))),
                first,
                "by this server",
            )
            .label("again here");
        }
        if let Some(forward) = &server.forward {
            only_a_server(server, forward, cx);
        }
        let reply = server.reply.map_or(ByteCount(0), |reply| {
            if reply.value.0.0 > MAX_TRANSFER {
                cx.error(reply.span, "a reply has at most 1 PiB");
            }
            reply.value.0
        });
        specs.push(ServerSpec {
            name: ActorName::new(&name.value),
            node: NodeName::new(names.node_name(node)),
            port,
            backlog: number(server.backlog, BACKLOG, 0..=65_535, "`backlog`", cx),
            accept: accept(server.accept.as_ref().map(|accept| &accept.value), cx),
            reply,
            close: server
                .close
                .map_or(ServerClose::AsRequested, |close| close.value),
            keep_alive: server.keep_alive.map_or(KEEP_ALIVE, |time| time.value.0),
            forward: server
                .forward
                .as_ref()
                .and_then(|to| forward(server, to, node, view, cx)),
            so_keepalive: server.so_keepalive.is_some_and(|on| on.0),
            place: cx.source.place(name.span.start),
        });
    }
    specs
}

/// What a proxy has not: it answers with what the server behind it says, from one loop.
fn only_a_server(server: &ServerDoc, forward: &Spanned<Text>, cx: &mut Collector<'_>) {
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
            format!("a proxy takes no `{key}`"),
            forward.span,
            "it passes requests on",
        )
        .help(match key {
            "reply" => "its replies are those of the server behind it: give that one the `reply`",
            _ => "it always accepts by epoll: leave `accept` out",
        });
    }
}

/// Where a proxy passes requests on to.
fn forward(
    server: &ServerDoc,
    to: &Spanned<Text>,
    node: usize,
    view: View<'_, '_>,
    cx: &mut Collector<'_>,
) -> Option<Forward> {
    let names = view.names;
    let target = target(to, view.document, names, cx)?;
    let behind = |server: &ServerDoc| {
        let next = server.forward.as_ref()?.value.0.as_str();
        names.servers.get(next).copied().flatten()
    };
    let mut next = target.server;
    for _ in 0..names.servers.len() {
        if next.is_some_and(|next| std::ptr::eq(next, server)) {
            cx.error(to.span, "what it passes on comes back to it")
                .help("`forward` names another server, one that replies by itself in the end");
            return None;
        }
        next = next.and_then(behind);
    }
    let Some(address) = view.lab.network.address_from(node, target.node) else {
        unreachable_node(node, target.node, to, view, cx);
        return None;
    };
    Some(Forward {
        target: SocketAddr::new(address, target.port),
        to: target.by_name.then(|| ActorName::new(&to.value.0)),
    })
}

fn accept(written: Option<&AcceptDoc>, cx: &mut Collector<'_>) -> Accept {
    match written {
        None | Some(AcceptDoc::Word(AcceptWord::Epoll)) => Accept::Epoll,
        Some(AcceptDoc::Word(AcceptWord::Never)) => Accept::Never,
        Some(AcceptDoc::Word(AcceptWord::Select)) => Accept::Select,
        Some(AcceptDoc::Word(AcceptWord::Poll)) => Accept::Poll,
        Some(AcceptDoc::Form(form)) => match (&form.delay, &form.pool) {
            (_, Some(pool)) => Accept::Pool {
                threads: number(Some(pool.threads), 1, 1..=MAX_THREADS, "`threads`", cx),
            },
            (delay, None) => Accept::Delay(delay.map_or(Duration::ZERO, |delay| delay.0)),
        },
    }
}

/// A number within bounds, or its default.
pub(crate) fn number<T: TryFrom<u64> + Default>(
    written: Option<Spanned<Count>>,
    default: u64,
    bounds: std::ops::RangeInclusive<u64>,
    what: &str,
    cx: &mut Collector<'_>,
) -> T {
    let number = match written {
        None => default,
        Some(written) => {
            let number = written.value.0;
            if !bounds.contains(&number) {
                cx.error(
                    written.span,
                    format!("{what} is {} to {}", bounds.start(), bounds.end()),
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
