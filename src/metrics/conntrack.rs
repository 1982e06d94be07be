//! Metrics of a node's connection tracking table, named as `conntrack -S` names them.
//!
//! The statistics are those of ctnetlink that are not always 0 (`enum ctattr_stats_cpu`, Linux 6.18
//! `include/uapi/linux/netfilter/nfnetlink_conntrack.h`).

use super::Metric;
use crate::units::Unit::Count;

const STATS: &str =
    "/proc/net/stat/nf_conntrack or ctnetlink IPCTNL_MSG_CT_GET_STATS_CPU, all processors";
const SIZE: &str = "/proc/net/stat/nf_conntrack or ctnetlink IPCTNL_MSG_CT_GET_STATS";
/// The file lacks these, or their column has had several meanings.
const SELDOM_STATS: &str =
    "ctnetlink IPCTNL_MSG_CT_GET_STATS_CPU, all processors; once per second unless named";
const SELDOM_SIZE: &str = "ctnetlink IPCTNL_MSG_CT_GET_STATS; once per second unless named";

pub(crate) static ENTRIES: Metric = Metric::gauge(
    "conntrack.entries",
    Count,
    "Entries in the table; expired ones count until the kernel removes them.",
    SIZE,
);
pub(crate) static MAX: Metric = Metric::gauge(
    "conntrack.max",
    Count,
    "The limit of the table, net.netfilter.nf_conntrack_max.",
    SELDOM_SIZE,
);

const fn statistic(name: &'static str, meaning: &'static str) -> Metric {
    Metric::counter(name, Count, meaning, STATS)
}

pub(crate) static FOUND: Metric =
    statistic("conntrack.found", "Packets for which an entry was found.");
pub(crate) static INVALID: Metric =
    statistic("conntrack.invalid", "Packets that could not be tracked.");
pub(crate) static INSERT: Metric = statistic("conntrack.insert", "Entries that were inserted.");
pub(crate) static INSERT_FAILED: Metric = statistic(
    "conntrack.insert_failed",
    "Entries that could not be inserted, for example because another already had the tuple.",
);
pub(crate) static DROP: Metric = statistic(
    "conntrack.drop",
    "Packets that were dropped because tracking them failed, for example because the table was full.",
);
pub(crate) static EARLY_DROP: Metric = statistic(
    "conntrack.early_drop",
    "Entries that were removed to make room for new ones.",
);
pub(crate) static ERROR: Metric = statistic(
    "conntrack.error",
    "Packets, such as ICMP errors, that could not be related to a connection.",
);
pub(crate) static SEARCH_RESTART: Metric = statistic(
    "conntrack.search_restart",
    "Searches that started again because the table was being resized.",
);
pub(crate) static CLASH_RESOLVE: Metric = statistic(
    "conntrack.clash_resolve",
    "Insertions that lost a race and were resolved.",
);
pub(crate) static CHAINTOOLONG: Metric = Metric::counter(
    "conntrack.chaintoolong",
    Count,
    "Packets that were dropped because the chain of the hash was too long.",
    SELDOM_STATS,
);

pub(crate) const ALL: &[&Metric] = &[
    &ENTRIES,
    &MAX,
    &FOUND,
    &INVALID,
    &INSERT,
    &INSERT_FAILED,
    &DROP,
    &EARLY_DROP,
    &ERROR,
    &SEARCH_RESTART,
    &CLASH_RESOLVE,
    &CHAINTOOLONG,
];
