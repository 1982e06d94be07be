//! Resolves the loads whose connections last: requests over a pool, and exchanges.

use std::time::Duration;

use super::load::{ResolvedLoad, TIMEOUT, rate, schedule, timeout};
use super::server::number;
use crate::scenario::bounds::{MAX_CONCURRENCY, MAX_EXCHANGE, MAX_TRANSFER};
use crate::scenario::decode::List;
use crate::scenario::document::{
    ConnectionPoolDoc, Count, ExchangeStepDoc, ExchangeStepForm, RequestsDoc,
};
use crate::scenario::problem::Collector;
use crate::scenario::span::Spanned;
use crate::scenario::workload::{ConnectionPool, ExchangeStep, Load, PoolOrder};

/// Default time that an idle connection of a pool is kept: `keepalive_timeout` of an `upstream` in nginx.
const IDLE: Duration = Duration::from_secs(60);

/// Resolves requests over a pool.
pub(crate) fn requests(doc: &RequestsDoc, cx: &mut Collector<'_>) -> Option<ResolvedLoad> {
    let rate = rate(doc.rate, cx);
    let timeout = timeout(doc.timeout, TIMEOUT, cx);
    let pool = pool(doc.pool.as_ref(), false, cx);
    Some(ResolvedLoad {
        load: Load::Requests {
            schedule: schedule(doc, [rate, rate], (doc.duration, doc.count), cx)?,
            timeout,
            pool,
        },
        port: None,
    })
}

/// Resolves a pool; `checks` is the default of its `check`.
pub(crate) fn pool(
    doc: Option<&ConnectionPoolDoc>,
    checks: bool,
    cx: &mut Collector<'_>,
) -> ConnectionPool {
    let size = doc.and_then(|doc| doc.size);
    let order = doc.and_then(|doc| doc.order);
    ConnectionPool {
        size: number(size, 1, 1..=MAX_CONCURRENCY, "`size`", cx),
        idle: timeout(doc.and_then(|doc| doc.idle), IDLE, cx),
        order: order.map_or_else(PoolOrder::default, |order| order.value),
        check: doc
            .and_then(|doc| doc.check)
            .map_or(checks, |check| check.0),
    }
}

/// Resolves an exchange. A request needs the reply to the one before, because a server answers them in turn.
pub(crate) fn exchange(
    doc: &Spanned<List<ExchangeStepDoc>>,
    connections: Option<Spanned<Count>>,
    cx: &mut Collector<'_>,
) -> Option<ResolvedLoad> {
    let connections = number(connections, 1, 1..=MAX_CONCURRENCY, "`connections`", cx);
    let written = &doc.value.0;
    if written.iter().any(Option::is_none) {
        return None;
    }
    let mut steps = Vec::new();
    let mut unanswered = None;
    for step in written.iter().flatten() {
        steps.push(match &step.step {
            ExchangeStepForm::Send(bytes) => {
                if let Some(first) = unanswered.replace(step.span) {
                    cx.error_between(
                        step.span,
                        "this request is sent before the reply to the one before",
                        first,
                        "the request before",
                    )
                    .help("add `reply` between the two");
                }
                if bytes.value.0.0 > MAX_TRANSFER {
                    cx.error(bytes.span, "a request is at most 1 PiB long");
                }
                ExchangeStep::Send(bytes.value.0)
            }
            ExchangeStepForm::Reply(within) => {
                if unanswered.take().is_none() {
                    cx.error(
                        step.span,
                        "there is no request that this reply could answer",
                    )
                    .help("add `{ send: 1KiB }` before it");
                }
                ExchangeStep::Reply {
                    timeout: timeout(*within, TIMEOUT, cx),
                }
            }
            ExchangeStepForm::Pause(time) => ExchangeStep::Pause(time.value.0),
        });
    }
    if steps.is_empty() || steps.len() > MAX_EXCHANGE {
        cx.error(
            doc.span,
            format!("an exchange has 1 to {MAX_EXCHANGE} steps"),
        )
        .help("write it like `exchange: [ { send: 1KiB }, reply ]`");
        return None;
    }
    Some(ResolvedLoad {
        load: Load::Exchange {
            steps,
            connections,
            timeout: TIMEOUT,
        },
        port: None,
    })
}
