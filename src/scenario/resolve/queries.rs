//! Resolves the load `queries`.

use std::time::Duration;

use super::load::{ResolvedLoad, rate, schedule, timeout};
use super::server::number;
use crate::scenario::bounds::{
    MAX_AT_ONCE, MAX_ATTEMPTS, MAX_DATAGRAM, MAX_OPEN_QUERIES, MAX_QUERY_THREADS, MAX_RETRIES,
};
use crate::scenario::decode::Framed;
use crate::scenario::document::QueriesDoc;
use crate::scenario::problem::Collector;
use crate::scenario::workload::{Load, QUERY_BYTES, Queries, QuerySockets};

/// Default time until a query is sent again: that of resolvers (`RES_TIMEOUT`, resolv.conf(5)).
const TIMEOUT: Duration = Duration::from_secs(5);

/// Resolves queries. The open ones of a socket are told apart by 16 bits, which bounds their number.
pub(crate) fn queries(doc: &QueriesDoc, cx: &mut Collector<'_>) -> Option<ResolvedLoad> {
    let rate = rate(doc.rate, cx);
    let timeout = timeout(doc.timeout, TIMEOUT, cx);
    let at_once: u32 = number(doc.at_once, 1, 1..=MAX_AT_ONCE, "`at-once`", cx);
    let threads = doc.threads.is_some_and(|threads| threads.0);
    if threads && !(2..=MAX_QUERY_THREADS).contains(&at_once) {
        cx.error(
            doc.at_once.map_or(doc.head(), |at_once| at_once.span),
            format!("with `threads`, a lookup sends 2 to {MAX_QUERY_THREADS} queries"),
        )
        .help("write `at-once: 2`, or leave `threads` out");
    }
    let retries = number(doc.retries, 0, 0..=MAX_RETRIES, "`retries`", cx);
    let bytes = QUERY_BYTES..=MAX_DATAGRAM;
    let bytes = number(doc.bytes, QUERY_BYTES, bytes, "`bytes`", cx);
    let schedule = schedule(doc, [rate, rate], (doc.duration, doc.count), cx)?;
    let queries = Queries {
        schedule,
        timeout,
        retries,
        sockets: doc
            .sockets
            .map_or_else(QuerySockets::default, |sockets| sockets.value),
        at_once,
        threads,
        bytes,
    };
    let all = schedule.count.saturating_mul(at_once.into());
    if all > MAX_ATTEMPTS {
        cx.error(
            doc.head(),
            format!("{all} queries exceed the limit of {MAX_ATTEMPTS}"),
        )
        .help("lower the rate, the duration or `at-once`");
    }
    let open = queries.open_at_most();
    if queries.sockets == QuerySockets::One && open > MAX_OPEN_QUERIES {
        cx.error(
            doc.head(),
            format!("up to {open} queries wait for their answers on one socket; the limit is {MAX_OPEN_QUERIES}"),
        )
        .help("lower the rate, the timeout or the retries, or use several clients");
    }
    Some(ResolvedLoad {
        load: Load::Queries(queries),
        port: None,
    })
}
