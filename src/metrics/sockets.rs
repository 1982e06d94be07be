//! The queues of a listener, which sock_diag(7) shows.

use super::{Metric, Recorded};
use crate::units::Unit::Count;

pub(crate) static ACCEPT_QUEUE: Metric = Metric::gauge(
    "accept_queue",
    Count,
    "Connections that wait for accept(2).",
    "`idiag_rqueue` of the listener, sock_diag(7)",
)
.recorded(Recorded::WhenNamed);
pub(crate) static ACCEPT_QUEUE_LIMIT: Metric = Metric::gauge(
    "accept_queue.limit",
    Count,
    "The limit of the accept queue: the backlog of listen(2), at most net.core.somaxconn.",
    "`idiag_wqueue` of the listener, sock_diag(7)",
)
.recorded(Recorded::WhenNamed);
pub(crate) static SYN_QUEUE: Metric = Metric::gauge(
    "syn_queue",
    Count,
    "Half-open connections to the listener's port.",
    "sockets in SYN_RECV, sock_diag(7)",
)
.recorded(Recorded::WhenNamed);

pub(crate) const QUEUES: &[&Metric] = &[&ACCEPT_QUEUE, &ACCEPT_QUEUE_LIMIT, &SYN_QUEUE];
