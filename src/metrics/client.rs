//! Metrics that built-in clients count, and those of errors, which servers and floods count too.

use super::{Metric, NameParameter, SeriesKind};
use crate::units::Unit::{Bytes, BytesPerSecond, Count, Seconds};

pub(crate) static ATTEMPTED: Metric = Metric::counter(
    "attempted",
    Count,
    "Attempts that were started: connections, or requests of a loop.",
    "calls of connect(2), or requests sent",
);
pub(crate) static ESTABLISHED: Metric = Metric::counter(
    "established",
    Count,
    "Connections that connect(2) completed.",
    "connect(2)",
);
pub(crate) static COMPLETED: Metric = Metric::counter(
    "completed",
    Count,
    "Attempts that succeeded: established, with the whole reply received if one was requested.",
    "connect(2), recv(2)",
);
pub(crate) static FAILED: Metric = Metric::counter(
    "failed",
    Count,
    "Attempts that ended in an error, while connecting or later.",
    "connect(2), send(2), recv(2), the attempt's own timeout",
);
pub(crate) static IN_FLIGHT: Metric = Metric::gauge(
    "in-flight",
    Count,
    "Attempts that have started and not ended; always attempted - completed - failed.",
    "the client's own count",
);
pub(crate) static LATENCY: Metric = Metric::new(
    "latency",
    SeriesKind::Distribution,
    Seconds,
    "Time from when an attempt was due to start until it was established, or until the end of its reply.",
    "CLOCK_MONOTONIC",
);
pub(crate) static BYTES: Metric = Metric::counter(
    "bytes",
    Bytes,
    "Bytes of reply bodies received; in a bulk transfer, bytes sent.",
    "recv(2), send(2)",
);
pub(crate) static THROUGHPUT: Metric = Metric::gauge(
    "throughput",
    BytesPerSecond,
    "Bytes per second over the last 100 ms; at the end, over the whole load.",
    "recv(2), send(2)",
);
pub(crate) static CPU: Metric = Metric::counter(
    "cpu",
    Seconds,
    "Processor time of the client's threads, known once the load has ended.",
    "CLOCK_THREAD_CPUTIME_ID, clock_gettime(2)",
);

pub(crate) static CLOSED_BY_CLIENT: Metric = Metric::counter(
    "closed-first.client",
    Count,
    "Connections that the client closed first, after an attempt; a FIN leaves TIME_WAIT on its node.",
    "close(2) before a FIN was received",
);
pub(crate) static CLOSED_BY_SERVER: Metric = Metric::counter(
    "closed-first.server",
    Count,
    "Connections that the server closed first; TIME_WAIT is on its node.",
    "recv(2) returned 0 before close(2)",
);

/// Declared when a client starts.
pub(crate) const COUNTED: &[&Metric] = &[
    &ATTEMPTED,
    &ESTABLISHED,
    &COMPLETED,
    &FAILED,
    &IN_FLIGHT,
    &LATENCY,
    &BYTES,
    &THROUGHPUT,
    &CPU,
    &CLOSED_BY_CLIENT,
    &CLOSED_BY_SERVER,
];

pub(crate) static ERRORS: Metric = Metric::counter(
    "errors.ERRNO",
    Count,
    "Errors with this number; ETIMEDOUT also for an attempt's own timeout, ENODATA for a reply that ended early, \
     EMSGSIZE for a head that is too long.",
    "errno(3) of connect(2), accept4(2), send(2), recv(2), sendto(2)",
)
.with(NameParameter::Errno);
pub(crate) static STATUS: Metric = Metric::counter(
    "status.STATUS",
    Count,
    "Replies with this HTTP status; `completed` counts all of them.",
    "the status line of the reply (RFC 9112, section 4)",
)
.with(NameParameter::HttpStatus);

/// Declared when the first error occurs.
pub(super) const ERRORS_TABLE: &[&Metric] = &[&ERRORS];
/// Declared when the first reply of the status arrives.
pub(super) const STATUS_TABLE: &[&Metric] = &[&STATUS];
