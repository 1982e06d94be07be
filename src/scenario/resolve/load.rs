//! What load a client offers: its model, its schedule, and how long that takes.

use std::net::IpAddr;
use std::time::Duration;

use super::server::number;
use crate::scenario::bounds::{
    MAX_ATTEMPTS, MAX_CONCURRENCY, MAX_FORGED_SOURCES, MAX_HELD, MAX_RATE, MAX_TRANSFER, MAX_WRITE,
};
use crate::scenario::decode::Framed;
use crate::scenario::document::{
    BulkDoc, Bytes, ClientDoc, ConnectDoc, Count, EventRate, FloodDoc, HoldDoc, LoopDoc, RampDoc,
    Timespan,
};
use crate::scenario::problem::Collector;
use crate::scenario::span::{Span, Spanned};
use crate::scenario::workload::{ClientClose, Load, PortChoice, Schedule};
use crate::units::{ByteCount, Rate};

/// Bound on one attempt or request. Longer than any sane handshake with two retransmissions of the SYN (1 s, 3 s, 7 s).
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bound on a bulk transfer.
const BULK_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of one `write(2)` of a bulk transfer.
const WRITE: ByteCount = ByteCount(64 * 1024);
/// Requests a second that the default timeout of a run counts on in a closed loop: far below what any machine does.
const SLOW_LOOP: u64 = 100;

/// A load, with what the client needs to know beside it.
pub(crate) struct Loaded {
    pub(crate) load: Load,
    /// Who chooses the local port, where the load says so.
    pub(crate) port: Option<Spanned<PortChoice>>,
    /// How long it takes at most, as far as that can be known.
    pub(crate) needs: Duration,
}

/// The one load of a client; `forged` is the first address that a flood of it forges.
pub(crate) fn load(
    client: &ClientDoc,
    close: ClientClose,
    forged: IpAddr,
    cx: &mut Collector<'_>,
) -> Option<Loaded> {
    let heads: Vec<Span> = [
        client.connect.as_ref().map(|load| load.head()),
        client.ramp.as_ref().map(|load| load.head()),
        client.hold.as_ref().map(|load| load.head()),
        client.closed_loop.as_ref().map(|load| load.head()),
        client.bulk.as_ref().map(|load| load.head()),
        client.flood.as_ref().map(|load| load.head()),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let [first, second, ..] = heads.as_slice() {
        cx.error_between(*second, "a client has one load", *first, "this is one")
            .label("this is another")
            .help("make it two clients");
        return None;
    }
    if heads.is_empty() && client.complete() {
        cx.error(client.head(), "a client lacks its load")
            .help("give it one of `connect`, `ramp`, `hold`, `loop`, `bulk` and `flood`");
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
    if let Some(doc) = &client.flood {
        return flood(doc, forged, cx);
    }
    client.bulk.as_ref().map(|doc| bulk(doc, cx))
}

fn flood(doc: &FloodDoc, first: IpAddr, cx: &mut Collector<'_>) -> Option<Loaded> {
    let rate = rate(doc.rate, cx);
    let bounds = 1..=MAX_FORGED_SOURCES;
    let sources = number(doc.sources, MAX_FORGED_SOURCES, bounds, "`sources`", cx);
    let loaded = open_loop(
        doc.head(),
        doc.complete(),
        [rate, rate],
        (doc.duration, doc.count),
        Duration::ZERO,
        ClientClose::Hold,
        None,
        cx,
    )?;
    let Load::Connect { schedule, .. } = loaded.load else {
        return None;
    };
    Some(Loaded {
        load: Load::Flood {
            schedule,
            first,
            sources,
        },
        ..loaded
    })
}

fn connect(doc: &ConnectDoc, close: ClientClose, cx: &mut Collector<'_>) -> Option<Loaded> {
    let rate = rate(doc.rate, cx);
    open_loop(
        doc.head(),
        doc.complete(),
        [rate, rate],
        (doc.duration, doc.count),
        timeout(doc.timeout, TIMEOUT, cx),
        close,
        doc.port,
        cx,
    )
}

fn ramp(doc: &RampDoc, close: ClientClose, cx: &mut Collector<'_>) -> Option<Loaded> {
    let rates = [rate(doc.from, cx), rate(doc.to, cx)];
    open_loop(
        doc.head(),
        doc.complete(),
        rates,
        (doc.duration, doc.count),
        timeout(doc.timeout, TIMEOUT, cx),
        close,
        doc.port,
        cx,
    )
}

#[expect(
    clippy::too_many_arguments,
    reason = "what `connect` and `ramp` have in common"
)]
fn open_loop(
    head: Span,
    complete: bool,
    [from, to]: [Rate; 2],
    length: (Option<Spanned<Timespan>>, Option<Spanned<Count>>),
    timeout: Duration,
    close: ClientClose,
    port: Option<Spanned<PortChoice>>,
    cx: &mut Collector<'_>,
) -> Option<Loaded> {
    let mean = f64::midpoint(from.as_per_second(), to.as_per_second());
    let (count, at) = match length {
        (Some(duration), Some(count)) => {
            cx.error_between(
                count.span,
                "`count` beside `for`",
                duration.span,
                "how long attempts are started is given here",
            )
            .label("how many is given here")
            .help("keep one of the two");
            return None;
        }
        (None, None) => {
            if complete {
                cx.error(head, "how long? the load has neither `for` nor `count`")
                    .help("write `for: 10s` or `count: 1000`");
            }
            return None;
        }
        (Some(duration), None) => (attempts(mean, duration.value.0), duration.span),
        (None, Some(count)) => (count.value.0, count.span),
    };
    if count == 0 {
        cx.error(at, "no attempt is made in this time")
            .help("attempts start at 0 s, 1/rate, 2/rate, ...");
        return None;
    }
    if count > MAX_ATTEMPTS {
        cx.error(at, format!("{count} attempts are more than {MAX_ATTEMPTS}"))
            .help("lower the rate or the time");
        return None;
    }
    Some(Loaded {
        load: Load::Connect {
            schedule: Schedule { from, to, count },
            timeout,
            close,
        },
        port,
        needs: at_rate(count, mean).saturating_add(timeout),
    })
}

/// How many attempts start before the time is over: the first at 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rate and time are bounded: below 2^53 and not negative"
)]
fn attempts(mean: f64, duration: Duration) -> u64 {
    let exact = mean * duration.as_secs_f64();
    // 0.1 * 30 s is 3.0000000000000004.
    (exact - exact * 1e-12).ceil() as u64
}

/// How long so many take at a rate.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts are bounded far below 2^53"
)]
fn at_rate(count: u64, rate: f64) -> Duration {
    Duration::try_from_secs_f64(count as f64 / rate).unwrap_or(Duration::MAX)
}

fn hold(doc: &HoldDoc, cx: &mut Collector<'_>) -> Loaded {
    let connections = number(Some(doc.connections), 1, 1..=MAX_HELD, "`connections`", cx);
    let rate = rate(doc.rate, cx);
    let timeout = timeout(doc.timeout, TIMEOUT, cx);
    let hold_for = doc.duration.value.0;
    Loaded {
        load: Load::Hold {
            connections,
            rate,
            hold_for,
            timeout,
        },
        port: doc.port,
        needs: at_rate(connections, rate.as_per_second())
            .saturating_add(hold_for)
            .saturating_add(timeout),
    }
}

fn closed_loop(doc: &LoopDoc, cx: &mut Collector<'_>) -> Loaded {
    let requests = number(Some(doc.requests), 1, 1..=MAX_ATTEMPTS, "`requests`", cx);
    let timeout = timeout(doc.timeout, TIMEOUT, cx);
    Loaded {
        load: Load::Loop {
            concurrency: number(doc.concurrency, 1, 1..=MAX_CONCURRENCY, "`concurrency`", cx),
            requests,
            keep_alive: doc.keep_alive.is_some_and(|keep_alive| keep_alive.0),
            timeout,
        },
        port: doc.port,
        needs: Duration::from_secs(requests / SLOW_LOOP).saturating_add(timeout),
    }
}

fn bulk(doc: &BulkDoc, cx: &mut Collector<'_>) -> Loaded {
    let timeout = timeout(doc.timeout, BULK_TIMEOUT, cx);
    Loaded {
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
        needs: timeout,
    }
}

fn size(written: Spanned<Bytes>, most: u64, what: &str, cx: &mut Collector<'_>) -> ByteCount {
    let bytes = written.value.0;
    if !(1..=most).contains(&bytes.0) {
        cx.error(written.span, format!("{what} is 1 to {most} bytes"))
            .label(format!("{} is out of bounds", bytes.0));
    }
    bytes
}

fn rate(written: Spanned<EventRate>, cx: &mut Collector<'_>) -> Rate {
    let rate = written.value.0;
    if rate.as_per_second() > MAX_RATE {
        cx.error(
            written.span,
            format!("a client makes at most {MAX_RATE} attempts a second"),
        )
        .help("spread the load over several clients");
    }
    rate
}

/// A bound on time, above zero.
pub(crate) fn timeout(
    written: Option<Spanned<Timespan>>,
    default: Duration,
    cx: &mut Collector<'_>,
) -> Duration {
    let Some(written) = written else {
        return default;
    };
    if written.value.0.is_zero() {
        cx.error(written.span, "nothing ends in no time")
            .help("a timeout is above zero");
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
                attempts(rate, Duration::from_secs_f64(seconds)),
                count,
                "{rate}/s for {seconds} s"
            );
        }
    }
}
