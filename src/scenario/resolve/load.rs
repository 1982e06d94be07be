//! Resolves the load of a client: its model, its schedule and its bounds.

use std::net::IpAddr;
use std::time::Duration;

use super::lasting;
use super::queries;
use super::server::number;
use crate::scenario::bounds::{
    MAX_ATTEMPTS, MAX_CONCURRENCY, MAX_FORGED_SOURCES, MAX_HELD, MAX_RATE, MAX_TRANSFER, MAX_WRITE,
};
use crate::scenario::decode::Framed;
use crate::scenario::document::{
    BulkDoc, Bytes, ClientDoc, ConnectDoc, Count, EventRate, FloodDoc, HoldDoc, LOADS, LoopDoc,
    RampDoc, Timespan,
};
use crate::scenario::problem::Collector;
use crate::scenario::span::{Span, Spanned};
use crate::scenario::suggest;
use crate::scenario::workload::{ClientClose, Load, PortChoice, Protocol, Schedule};
use crate::units::{ByteCount, Rate};

/// Default bound on one attempt or request. It leaves room for a handshake with two retransmissions of the
/// SYN (after 1 s and 3 s; the third would follow at 7 s).
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// Default bound on a bulk transfer.
const BULK_TIMEOUT: Duration = Duration::from_secs(60);
/// Default bytes per `write(2)` of a bulk transfer.
const WRITE: ByteCount = ByteCount(64 * 1024);
/// Requests per second that the default timeout of a run assumes for a closed loop: far below
/// what any machine does.
const SLOW_LOOP: u64 = 100;

/// The load of a client, and the port choice that its document may carry.
pub(crate) struct ResolvedLoad {
    pub(crate) load: Load,
    pub(crate) port: Option<Spanned<PortChoice>>,
}

/// Resolves the one load of a client; `forged` is the first address that a flood of it forges.
pub(crate) fn load(
    client: &ClientDoc,
    close: ClientClose,
    forged: IpAddr,
    cx: &mut Collector<'_>,
) -> Option<ResolvedLoad> {
    let heads: Vec<Span> = [
        client.connect.as_ref().map(Framed::head),
        client.ramp.as_ref().map(Framed::head),
        client.hold.as_ref().map(Framed::head),
        client.closed_loop.as_ref().map(Framed::head),
        client.bulk.as_ref().map(Framed::head),
        client.requests.as_ref().map(Framed::head),
        client.exchange.as_ref().map(|exchange| exchange.span),
        client.queries.as_ref().map(Framed::head),
        client.flood.as_ref().map(Framed::head),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let [first, second, ..] = heads.as_slice() {
        cx.error_between(
            *second,
            "a client has only one load",
            *first,
            "this is the first",
        )
        .label("this is the second")
        .help("use two clients");
        return None;
    }
    if heads.is_empty() && client.complete() {
        cx.error(client.head(), "the client has no load")
            .help(format!("add one of {}", suggest::listed(&LOADS)));
    }
    if let Some(doc) = &client.connect {
        return connect(doc, close, cx);
    }
    if let Some(doc) = &client.ramp {
        return ramp(doc, close, cx);
    }
    if let Some(doc) = &client.hold {
        return Some(hold(doc, cx));
    }
    if let Some(doc) = &client.closed_loop {
        return Some(closed_loop(doc, cx));
    }
    if let Some(doc) = &client.requests {
        return lasting::requests(doc, cx);
    }
    if let Some(doc) = &client.exchange {
        return lasting::exchange(doc, client.connections, cx);
    }
    if let Some(doc) = &client.queries {
        return queries::queries(doc, cx);
    }
    if let Some(doc) = &client.flood {
        return flood(doc, forged, cx);
    }
    client.bulk.as_ref().map(|doc| bulk(doc, cx))
}

/// Returns the protocol that a client's load speaks; `None` if it has no load.
pub(crate) fn protocol_of(client: &ClientDoc) -> Option<Protocol> {
    let tcp = client.connect.is_some()
        || client.ramp.is_some()
        || client.hold.is_some()
        || client.closed_loop.is_some()
        || client.requests.is_some()
        || client.exchange.is_some()
        || client.bulk.is_some()
        || client.flood.is_some();
    match client.queries {
        Some(_) => Some(Protocol::Udp),
        None => tcp.then_some(Protocol::Tcp),
    }
}

/// Returns the longest time that a load may take, as far as that can be known.
pub(crate) fn longest(load: &Load) -> Duration {
    let work = match load {
        Load::Loop {
            requests,
            concurrency,
            think,
            ..
        } => {
            let each = requests.div_ceil(u64::from(*concurrency).max(1));
            let thinking = think.saturating_mul(u32::try_from(each).unwrap_or(u32::MAX));
            Duration::from_secs(requests / SLOW_LOOP).saturating_add(thinking)
        }
        load => load.duration().unwrap_or_default(),
    };
    work.saturating_add(load.timeout().unwrap_or_default())
}

fn flood(doc: &FloodDoc, first: IpAddr, cx: &mut Collector<'_>) -> Option<ResolvedLoad> {
    let rate = rate(doc.rate, cx);
    let bounds = 1..=MAX_FORGED_SOURCES;
    let sources = number(doc.sources, MAX_FORGED_SOURCES, bounds, "`sources`", cx);
    let length = (doc.duration, doc.count);
    Some(ResolvedLoad {
        load: Load::Flood {
            schedule: schedule(doc, [rate, rate], length, cx)?,
            first,
            sources,
        },
        port: None,
    })
}

fn connect(doc: &ConnectDoc, close: ClientClose, cx: &mut Collector<'_>) -> Option<ResolvedLoad> {
    let rate = rate(doc.rate, cx);
    let timeout = timeout(doc.timeout, TIMEOUT, cx);
    let length = (doc.duration, doc.count);
    Some(ResolvedLoad {
        load: Load::Connect {
            schedule: schedule(doc, [rate, rate], length, cx)?,
            timeout,
            close,
        },
        port: doc.port,
    })
}

fn ramp(doc: &RampDoc, close: ClientClose, cx: &mut Collector<'_>) -> Option<ResolvedLoad> {
    let rates = [rate(doc.from, cx), rate(doc.to, cx)];
    let timeout = timeout(doc.timeout, TIMEOUT, cx);
    let length = (doc.duration, doc.count);
    Some(ResolvedLoad {
        load: Load::Connect {
            schedule: schedule(doc, rates, length, cx)?,
            timeout,
            close,
        },
        port: doc.port,
    })
}

/// Resolves the schedule of an open loop, whose length is given by either `for` or `count`.
pub(super) fn schedule(
    doc: &impl Framed,
    [from, to]: [Rate; 2],
    length: (Option<Spanned<Timespan>>, Option<Spanned<Count>>),
    cx: &mut Collector<'_>,
) -> Option<Schedule> {
    let (count, at) = match length {
        (Some(duration), Some(count)) => {
            cx.error_between(
                count.span,
                "`for` and `count` are both given",
                duration.span,
                "the duration is set here",
            )
            .label("the number of attempts is set here")
            .help("keep one of the two");
            return None;
        }
        (None, None) => {
            if doc.complete() {
                cx.error(doc.head(), "the load has neither `for` nor `count`")
                    .help("write `for: 10s` or `count: 1000`");
            }
            return None;
        }
        (Some(duration), None) => {
            let mean = from.midpoint(to);
            (attempts(mean, duration.value.0), duration.span)
        }
        (None, Some(count)) => (count.value.0, count.span),
    };
    if count == 0 {
        cx.error(at, "no attempt starts in this time")
            .help("attempts start at 0 s, 1/rate, 2/rate, ...");
        return None;
    }
    if count > MAX_ATTEMPTS {
        cx.error(
            at,
            format!("{count} attempts exceed the limit of {MAX_ATTEMPTS}"),
        )
        .help("lower the rate or the duration");
        return None;
    }
    Some(Schedule { from, to, count })
}

/// Returns the number of attempts that start before the time is over; the first starts at 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rate and time are bounded: below 2^53 and not negative"
)]
fn attempts(mean: Rate, duration: Duration) -> u64 {
    let exact = mean.as_per_second() * duration.as_secs_f64();
    // 0.1 * 30 s is 3.0000000000000004.
    (exact - exact * 1e-12).ceil() as u64
}

fn hold(doc: &HoldDoc, cx: &mut Collector<'_>) -> ResolvedLoad {
    let connections = number(Some(doc.connections), 1, 1..=MAX_HELD, "`connections`", cx);
    ResolvedLoad {
        load: Load::Hold {
            connections,
            rate: rate(doc.rate, cx),
            hold_for: doc.duration.value.0,
            timeout: timeout(doc.timeout, TIMEOUT, cx),
        },
        port: doc.port,
    }
}

fn closed_loop(doc: &LoopDoc, cx: &mut Collector<'_>) -> ResolvedLoad {
    let requests = number(Some(doc.requests), 1, 1..=MAX_ATTEMPTS, "`requests`", cx);
    let timeout = timeout(doc.timeout, TIMEOUT, cx);
    ResolvedLoad {
        load: Load::Loop {
            concurrency: number(doc.concurrency, 1, 1..=MAX_CONCURRENCY, "`concurrency`", cx),
            requests,
            keep_alive: doc.keep_alive.is_some_and(|keep_alive| keep_alive.0),
            think: doc.think.map_or(Duration::ZERO, |think| think.0),
            timeout,
        },
        port: doc.port,
    }
}

fn bulk(doc: &BulkDoc, cx: &mut Collector<'_>) -> ResolvedLoad {
    let timeout = timeout(doc.timeout, BULK_TIMEOUT, cx);
    ResolvedLoad {
        load: Load::Bulk {
            bytes: size(doc.bytes, MAX_TRANSFER, "`bytes`", cx),
            streams: number(doc.streams, 1, 1..=MAX_CONCURRENCY, "`streams`", cx),
            write: doc
                .write
                .map_or(WRITE, |write| size(write, MAX_WRITE, "`write`", cx)),
            nodelay: doc.nodelay.is_some_and(|nodelay| nodelay.0),
            timeout,
        },
        port: doc.port,
    }
}

pub(super) fn size(
    written: Spanned<Bytes>,
    most: u64,
    key: &str,
    cx: &mut Collector<'_>,
) -> ByteCount {
    let bytes = written.value.0;
    if !(1..=most).contains(&bytes.0) {
        cx.error(
            written.span,
            format!("{key} must be between 1 and {most} bytes"),
        )
        .label(format!("{} is out of bounds", bytes.0));
    }
    bytes
}

pub(super) fn rate(written: Spanned<EventRate>, cx: &mut Collector<'_>) -> Rate {
    let rate = written.value.0;
    if rate.as_per_second() > MAX_RATE {
        cx.error(
            written.span,
            format!("a client makes at most {MAX_RATE} attempts per second"),
        )
        .help("spread the load over several clients");
    }
    rate
}

/// Resolves a timeout, which must be above zero.
pub(crate) fn timeout(
    written: Option<Spanned<Timespan>>,
    default: Duration,
    cx: &mut Collector<'_>,
) -> Duration {
    let Some(written) = written else {
        return default;
    };
    if written.value.0.is_zero() {
        cx.error(written.span, "a timeout must be above zero");
    }
    written.value.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_start_at_zero_and_before_the_time_is_over() {
        for (rate, seconds, count) in [
            (20.0, 1.0, 20),
            (0.5, 1.0, 1),
            (0.1, 30.0, 3),
            (500.0, 75.0, 37_500),
            (3.0, 1.5, 5),
            (20.0, 0.0, 0),
        ] {
            assert_eq!(
                attempts(
                    Rate::per_second(rate).unwrap(),
                    Duration::from_secs_f64(seconds)
                ),
                count,
                "{rate}/s for {seconds} s"
            );
        }
    }
}
