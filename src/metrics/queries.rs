//! Metrics that clients of UDP servers count (the load `queries`), and those servers.

use super::{Metric, SeriesKind};
use crate::units::Unit::{Bytes, Count, Seconds};

pub(crate) static SENT: Metric = Metric::counter(
    "sent",
    Count,
    "Datagrams that were sent: the first try of each query, and all further ones.",
    "send(2)",
);
pub(crate) static RETRIES: Metric = Metric::counter(
    "retries",
    Count,
    "Tries after the first one of a query.",
    "the client's own count",
);
pub(crate) static ANSWERED: Metric = Metric::counter(
    "answered",
    Count,
    "Queries that were answered, at whichever try.",
    "recv(2)",
);
pub(crate) static FAILED: Metric = Metric::counter(
    "failed",
    Count,
    "Queries that were not answered at any try; `errors` counts each by the reason of its last try.",
    "socket(2), connect(2), send(2), recv(2), the query's own timeout",
);
pub(crate) static LATE: Metric = Metric::counter(
    "late",
    Count,
    "Answers to queries that had failed or been answered before.",
    "recv(2)",
);
pub(crate) static IN_FLIGHT: Metric = Metric::gauge(
    "in-flight",
    Count,
    "Queries that have been neither answered nor given up.",
    "the client's own count",
);
pub(crate) static LATENCY: Metric = Metric::new(
    "latency",
    SeriesKind::Distribution,
    Seconds,
    "Time from when a query was due until its answer, all tries included.",
    "CLOCK_MONOTONIC",
);
pub(crate) static BYTES: Metric = Metric::counter(
    "bytes",
    Bytes,
    "Bytes of answers that were received.",
    "recv(2)",
);
pub(crate) static CPU: Metric = Metric::counter(
    "cpu",
    Seconds,
    "Processor time of the client's thread, known once the load has ended.",
    "CLOCK_THREAD_CPUTIME_ID, clock_gettime(2)",
);

/// Declared when a client with queries starts.
pub(crate) const COUNTED: &[&Metric] = &[
    &SENT, &ANSWERED, &FAILED, &RETRIES, &LATE, &IN_FLIGHT, &LATENCY, &BYTES, &CPU,
];

pub(crate) static RECEIVED: Metric = Metric::counter(
    "received",
    Count,
    "Datagrams that the server read from its socket.",
    "recvfrom(2)",
);
pub(crate) static REPLIES: Metric = Metric::counter(
    "replies",
    Count,
    "Answers that the server sent.",
    "sendto(2)",
);
pub(crate) static SERVER_BYTES: Metric = Metric::counter(
    "bytes",
    Bytes,
    "Bytes of datagrams received and sent.",
    "recvfrom(2), sendto(2)",
);
pub(crate) static SERVER_CPU: Metric = Metric::counter(
    "cpu",
    Seconds,
    "Processor time of the server's thread, known once it has ended.",
    "CLOCK_THREAD_CPUTIME_ID, clock_gettime(2)",
);

/// Declared when a UDP server starts.
pub(crate) const OF_SERVER: &[&Metric] = &[&RECEIVED, &REPLIES, &SERVER_BYTES, &SERVER_CPU];
