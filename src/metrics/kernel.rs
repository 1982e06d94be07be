//! Metrics of the whole machine's kernel.

use super::{Metric, NameParameter, Recorded};
use crate::units::Unit::{Bytes, Count};

/// Caches of the slab allocator that connections take objects from (`/proc/slabinfo`, Linux 6.18).
pub(crate) const SLAB_CACHES: [&str; 10] = [
    "TCP",
    "TCPv6",
    "tw_sock_TCP",
    "tw_sock_TCPv6",
    "request_sock_TCP",
    "request_sock_TCPv6",
    "nf_conntrack",
    "sock_inode_cache",
    "filp",
    "dentry",
];

/// The full name of [`LOG`].
pub(crate) const LOG_NAME: &str = "kernel.log";

pub(crate) static LOG: Metric =
    Metric::text("log", "Lines of the kernel's log.", "/dev/kmsg").recorded(Recorded::WhenNamed);
pub(crate) static SLAB_OBJECTS: Metric = Metric::gauge(
    "slab.CACHE",
    Count,
    "Objects of the cache that are in use on the whole machine; only root may read it.",
    "`active_objs` of /proc/slabinfo",
)
.with(NameParameter::SlabCache)
.recorded(Recorded::WhenNamed);
pub(crate) static SLAB_SIZE: Metric = Metric::gauge(
    "slab.CACHE.size",
    Bytes,
    "Memory that one object takes, with its share of what its slab cannot use.",
    "`pagesperslab` and `objperslab` of /proc/slabinfo",
)
.with(NameParameter::SlabCache)
.recorded(Recorded::WhenNamed);
pub(crate) static SOCKETS: Metric = Metric::gauge(
    "sockets",
    Count,
    "TCP sockets of the whole machine; recorded together with the caches, to notice other users of them.",
    "`alloc` of /proc/net/sockstat",
)
.recorded(Recorded::Internally);

pub(crate) const ALL: &[&Metric] = &[&LOG, &SLAB_OBJECTS, &SLAB_SIZE, &SOCKETS];
