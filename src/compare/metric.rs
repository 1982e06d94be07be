//! Which way is better: the table of metrics, and what decides before what.
//!
//! | metric | better | decides |
//! |---|---|---|
//! | of a client: `.established`, `.completed`, `.bytes` | more | first |
//! | of a client: `.failed` | less | first |
//! | of a server: `.accepted`, `.replies`, `.bytes` | more | first |
//! | of a command: `.exit` | 0, less | first |
//! | of a client: `.throughput` | more | second |
//! | of a client: `p50(.latency)`, `p99(.latency)` | less | second |
//! | of a node: what the kernel dropped, lost, or had to send again | less | third |
//! | all else, among it TIME_WAIT, `.attempted`, `.errors.*` (`.failed` counts them all), `.conntrack.entries` | neither | |
//!
//! What was done comes before how fast: latency is that of the attempts that came through, and where more came through it is
//! that of others. A counter of the kernel speaks only where clients noticed nothing.

use crate::record::{Measure, SeriesKind};
use crate::scenario::RunSpec;

/// What is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// More of it.
    More,
    /// Less of it.
    Less,
    /// Neither: it can only be different.
    Neither,
}

/// What decides before what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// What was done: connections, requests, bytes.
    Work,
    /// How fast.
    Speed,
    /// What the kernel says of it.
    Sign,
    /// What is neither better nor worse.
    Beside,
}

/// Counters of the kernel that count something lost: drops, overflows, retransmissions (names as nstat(8) prints them; Linux 6.18
/// `net/ipv4/proc.c`, `include/uapi/linux/snmp.h`). Not that a peer was given up (`TcpExtTCPAbortOnTimeout`): one that has vanished
/// shall be.
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
    "IpInDiscards",
    "IpOutDiscards",
    "IpOutNoRoutes",
    "conntrack.drop",
    "conntrack.early_drop",
    "conntrack.insert_failed",
    "conntrack.invalid",
];

/// Who accounts for a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Client,
    Server,
    Command,
    Other,
}

/// Which way a measure of a run is better, and when it decides.
pub(super) fn direction(measure: &Measure, spec: &RunSpec) -> (Better, Rank) {
    let series = series_of(&measure.name);
    let Some((owner, what)) = series.split_once('.') else {
        return (Better::Neither, Rank::Beside);
    };
    match (owner_of(owner, spec), what) {
        (Owner::Client, "established" | "completed" | "bytes")
        | (Owner::Server, "accepted" | "replies" | "bytes") => (Better::More, Rank::Work),
        (Owner::Client, "failed") | (Owner::Command, "exit") => (Better::Less, Rank::Work),
        // The peak of a throughput is one sample's luck; the last value is that of the whole load.
        (Owner::Client, "throughput") if measure.name == series => (Better::More, Rank::Speed),
        (Owner::Client, "latency") if measure.kind == SeriesKind::Distribution => {
            (Better::Less, Rank::Speed)
        }
        (Owner::Other, what) if LOST.contains(&what) => (Better::Less, Rank::Sign),
        _ => (Better::Neither, Rank::Beside),
    }
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

/// The series of a measure: of `max(client.tcp.TIME_WAIT)`, what is in brackets.
pub(super) fn series_of(measure: &str) -> &str {
    measure
        .split_once('(')
        .map_or(measure, |(_, rest)| rest.trim_end_matches(')'))
}
