//! Settings known by name: removed ones, and those that belong to the whole kernel.

/// Removed settings: the beginning of the key, and the first version without it (from the kernel's history).
const GONE: &[(&str, &str)] = &[
    ("net.ipv4.tcp_tw_recycle", "4.12"),
    (
        "net.ipv4.ip_conntrack_",
        "4.9 (today net.netfilter.nf_conntrack_*)",
    ),
    (
        "net.ipv4.netfilter.ip_conntrack_",
        "4.9 (today net.netfilter.nf_conntrack_*)",
    ),
];

/// Returns the first kernel version without a setting, if known.
pub(super) fn removed_in(key: &str) -> Option<&'static str> {
    GONE.iter()
        .find(|(gone, _)| key.starts_with(gone))
        .map(|(_, since)| *since)
}

/// Settings that only the initial namespace has or can write, besides everything outside `net.*` (found on
/// Linux 6.18 by comparing a child namespace's tree with the initial one's).
const HOST_WIDE: &[&str] = &[
    "net.core.busy_poll",
    "net.core.busy_read",
    "net.core.default_qdisc",
    "net.core.dev_weight",
    "net.core.flow_limit_table_len",
    "net.core.message_burst",
    "net.core.message_cost",
    "net.core.netdev_budget",
    "net.core.netdev_budget_usecs",
    "net.core.netdev_max_backlog",
    "net.core.netdev_tstamp_prequeue",
    "net.core.rmem_default",
    "net.core.rmem_max",
    "net.core.rps_sock_flow_entries",
    "net.core.wmem_default",
    "net.core.wmem_max",
    "net.ipv4.inet_peer_maxttl",
    "net.ipv4.inet_peer_minttl",
    "net.ipv4.inet_peer_threshold",
    "net.ipv4.route.gc_thresh",
    "net.ipv4.route.max_size",
    "net.ipv4.tcp_allowed_congestion_control",
    "net.ipv4.tcp_max_orphans",
    "net.ipv4.tcp_mem",
    "net.ipv4.udp_mem",
    "net.netfilter.nf_conntrack_buckets",
    "net.netfilter.nf_conntrack_expect_max",
    "net.netfilter.nf_conntrack_max",
    "net.nf_conntrack_max",
];

/// Returns the network settings that are known to belong to the whole kernel.
pub(super) fn host_wide() -> impl Iterator<Item = &'static str> + Clone {
    HOST_WIDE.iter().copied()
}

pub(super) fn is_host_wide(key: &str) -> bool {
    HOST_WIDE.contains(&key)
}
