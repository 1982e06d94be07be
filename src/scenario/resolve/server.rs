//! Servers as meant.

use std::time::Duration;

use indexmap::IndexMap;

use super::names::Names;
use crate::names::{ActorName, NodeName};
use crate::scenario::bounds::{MAX_THREADS, MAX_TRANSFER};
use crate::scenario::document::{AcceptDoc, AcceptWord, Count, Document};
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::span::{Span, Spanned};
use crate::scenario::workload::{Accept, ServerClose, ServerSpec};
use crate::units::ByteCount;

/// `net.core.somaxconn` since Linux 5.4: what a server asks for unless the scenario says otherwise.
const BACKLOG: u64 = 4096;
/// How long an idle connection is kept: Apache's `KeepAliveTimeout`.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Every server that could be read.
pub(crate) fn servers(
    document: &Document,
    names: &Names<'_>,
    cx: &mut Collector<'_>,
) -> Vec<ServerSpec> {
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
            accept: accept(server.accept.as_ref(), cx),
            reply,
            close: server
                .close
                .map_or(ServerClose::AsRequested, |close| close.value),
            keep_alive: server.keep_alive.map_or(KEEP_ALIVE, |time| time.0),
            place: cx.source.place(name.span.start),
        });
    }
    specs
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
