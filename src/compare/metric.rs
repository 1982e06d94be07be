//! The direction in which each metric is better, and the rank that decides which metric counts first.
//!
//! | metric | better | decides |
//! |---|---|---|
//! | of a client: `.established`, `.completed`, `.answered`, `.bytes` | more | first |
//! | of a client: `.failed`, replies with a status of 500 to 599 | less | first |
//! | of a server: `.accepted`, `.replies`, `.bytes` | more | first |
//! | of a command: `.exit` | 0, less | first |
//! | of a client: each of `.errors.*` | less | second |
//! | of a client: `.throughput` | more | third |
//! | of a client: `p50(.latency)`, `p99(.latency)`, if the run was alone | less | third |
//! | of a node: packets that the kernel dropped, lost or sent again | less | never alone |
//! | all others, such as TIME_WAIT, `.attempted`, the time of the first failure | neither | |
//!
//! Work done comes before speed: latency covers only the attempts that succeeded, so if more succeed it covers
//! different ones. The kinds of errors decide if as many attempts fail: a reset in place of a timeout is not the same
//! to a client. A kernel counter that differs while clients notice nothing is a change, neither better nor
//! worse: fewer retransmissions can mean that a connection was given up sooner.

use serde::{Deserialize, Serialize};

use crate::record::{Measure, SeriesKind};
use crate::scenario::RunSpec;

/// The direction in which a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Better {
    More,
    Less,
    /// The metric can only be different.
    Neither,
}

/// The order in which metrics decide a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Rank {
    /// Work done: connections, requests, bytes.
    Work,
    /// The kinds of errors, if their sum is the same.
    Errors,
    /// Latency and throughput of clients.
    Speed,
    /// Counters of the kernel.
    Sign,
    /// Metrics that are neither better nor worse.
    Beside,
}

/// Kernel counters of something lost: drops, overflows, retransmissions (names as printed by nstat(8); Linux 6.18
/// `net/ipv4/proc.c`, `include/uapi/linux/snmp.h`). `TcpExtTCPAbortOnTimeout` is not among them: giving up a vanished
/// peer is right.
const LOST: &[&str] = &[
    "TcpAttemptFails",
    "TcpInErrs",
    "TcpRetransSegs",
    "TcpExtListenDrops",
    "TcpExtListenOverflows",
    "TcpExtOfoPruned",
    "TcpExtPAWSActive",
    "TcpExtPAWSEstab",
    "TcpExtPAWSPassive",
    "TcpExtPruneCalled",
    "TcpExtRcvPruned",
    "TcpExtSyncookiesFailed",
    "TcpExtTCPAbortFailed",
    "TcpExtTCPAbortOnMemory",
    "TcpExtTCPBacklogDrop",
    "TcpExtTCPDeferAcceptDrop",
    "TcpExtTCPLossFailures",
    "TcpExtTCPMinTTLDrop",
    "TcpExtTCPOFODrop",
    "TcpExtTCPRcvQDrop",
    "TcpExtTCPReqQFullDrop",
    "TcpExtTCPTimeouts",
    "TcpExtTCPZeroWindowDrop",
    "TcpExtTSEcrRejected",
    "UdpInErrors",
    "UdpNoPorts",
    "UdpRcvbufErrors",
    "UdpSndbufErrors",
    "Udp6InErrors",
    "Udp6NoPorts",
    "Udp6RcvbufErrors",
    "Udp6SndbufErrors",
    "IpInDiscards",
    "IpOutDiscards",
    "IpOutNoRoutes",
    "conntrack.drop",
    "conntrack.early_drop",
    "conntrack.insert_failed",
    "conntrack.invalid",
];

/// The part of a scenario that a metric belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Client,
    Server,
    Command,
    Other,
}

/// Returns the better direction of a measure, and its rank.
pub(super) fn direction(measure: &Measure, spec: &RunSpec) -> (Better, Rank) {
    let series = series_of(&measure.name);
    let Some((owner, what)) = series.split_once('.') else {
        return (Better::Neither, Rank::Beside);
    };
    // Failing later can be good or bad.
    if measure.name.starts_with("first(") {
        return (Better::Neither, Rank::Beside);
    }
    match (owner_of(owner, spec), what) {
        (Owner::Client, "established" | "completed" | "answered" | "bytes")
        | (Owner::Server, "accepted" | "replies" | "bytes") => (Better::More, Rank::Work),
        (Owner::Client, "failed") | (Owner::Command, "exit") => (Better::Less, Rank::Work),
        (Owner::Client, what) if is_error(what) && measure.name == series => {
            let rank = if what.starts_with("status") {
                Rank::Work
            } else {
                Rank::Errors
            };
            (Better::Less, rank)
        }
        // The last value covers the whole load.
        (Owner::Client, "throughput") if measure.name == series => (Better::More, Rank::Speed),
        (Owner::Client, "latency") if measure.kind == SeriesKind::Distribution => {
            (Better::Less, Rank::Speed)
        }
        (Owner::Other, what) if LOST.contains(&what) => (Better::Less, Rank::Sign),
        _ => (Better::Neither, Rank::Beside),
    }
}

/// Returns whether a counter of a client counts failures of one kind: `errors.ECONNRESET`, `status.503`.
fn is_error(what: &str) -> bool {
    match what.split_once('.') {
        Some(("errors", _)) => true,
        Some(("status", code)) => code.len() == 3 && code.starts_with('5'),
        _ => false,
    }
}

/// Returns true for the latency of a client. It is measured fairly only if the run had the machine to itself, as runs
/// do that are about times, or `exclusive`.
pub(super) fn is_latency(metric: &str) -> bool {
    series_of(metric).ends_with(".latency")
}

/// Returns true if a measure is not reliable: the peak of a throughput counts bytes that a send buffer swallowed.
pub(super) fn is_meaningless(measure: &Measure) -> bool {
    measure.name.starts_with("max(") && series_of(&measure.name).ends_with(".throughput")
}

/// Returns whether the time at which a series first counted is a measure of its own: how long failing takes.
pub(super) fn is_failure(series: &str, spec: &RunSpec) -> bool {
    let Some((owner, what)) = series.split_once('.') else {
        return false;
    };
    owner_of(owner, spec) == Owner::Client && (what == "failed" || is_error(what))
}

fn owner_of(name: &str, spec: &RunSpec) -> Owner {
    let workload = &spec.workload;
    if workload
        .clients
        .iter()
        .any(|each| each.name.as_str() == name)
    {
        Owner::Client
    } else if workload
        .servers
        .iter()
        .any(|each| each.name.as_str() == name)
    {
        Owner::Server
    } else if workload
        .commands
        .iter()
        .any(|each| each.name.as_str() == name)
    {
        Owner::Command
    } else {
        Owner::Other
    }
}

/// Returns the series of a measure: the part in brackets in `max(client.tcp.TIME_WAIT)`.
pub(super) fn series_of(measure: &str) -> &str {
    measure
        .split_once('(')
        .map_or(measure, |(_, rest)| rest.trim_end_matches(')'))
}
