//! Metrics that built-in servers and proxies count. Their errors are [`super::client::ERRORS`].

use super::Metric;
use crate::units::Unit::{Bytes, Count, Seconds};

pub(crate) static ACCEPTED: Metric = Metric::counter(
    "accepted",
    Count,
    "Connections taken from the accept queue.",
    "accept4(2)",
);
pub(crate) static REPLIES: Metric = Metric::counter(
    "replies",
    Count,
    "Requests that were answered to the last byte.",
    "send(2)",
);
pub(crate) static BYTES: Metric = Metric::counter(
    "bytes",
    Bytes,
    "Bytes of bodies received and sent, without heads.",
    "recv(2), send(2)",
);
pub(crate) static CPU: Metric = Metric::counter(
    "cpu",
    Seconds,
    "Processor time of the server's threads, known once they have ended.",
    "CLOCK_THREAD_CPUTIME_ID, clock_gettime(2)",
);
pub(crate) static FORWARDED: Metric = Metric::counter(
    "forwarded",
    Count,
    "Replies of the server behind the proxy that were passed on to the last byte.",
    "send(2)",
);

/// Declared when a server starts.
pub(crate) const COUNTED: &[&Metric] = &[&ACCEPTED, &REPLIES, &BYTES, &CPU];
/// Declared when a proxy starts, in addition.
pub(crate) const COUNTED_BY_PROXY: &[&Metric] = &[&FORWARDED];
