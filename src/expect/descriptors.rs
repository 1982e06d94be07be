//! Checks that servers and clients of the lab had the descriptors that the load needs.
//!
//! A server takes more threads, with a table each, if one is full. So too few descriptors show as a slow server, or as
//! errors that the kernel did not cause.

use crate::causes;
use crate::metrics::node;
use crate::names::NodeName;
use crate::record::{Series, Timeline};
use crate::scenario::RunSpec;

/// The number of threads to which a server may have to spread its connections without becoming slow. With the usual
/// hard limits (1,024 or more), the largest shipped scenario takes 10.
const THREADS_TOLERATED: u64 = 16;
/// Descriptors that a program uses besides its connections.
const OTHERS: u64 = 16;
/// Errors that only the lab's own lack of descriptors causes.
const NO_DESCRIPTORS: [(&str, i32); 2] = [("EMFILE", libc::EMFILE), ("ENFILE", libc::ENFILE)];
/// Errors for lack of memory, which the scenario may also have caused on purpose.
const NO_MEMORY: [(&str, i32); 2] = [("ENOBUFS", libc::ENOBUFS), ("ENOMEM", libc::ENOMEM)];

/// Returns a sentence if a server or client ran out of descriptors, and the scenario neither set that limit nor names
/// the error. Then its counts are those of the lab's limit, whether the expectations are met or not.
pub(super) fn exhaustion(spec: &RunSpec, timeline: &Timeline) -> Option<String> {
    timeline.environment.as_ref()?.descriptors?;
    unexpected_error(spec, timeline, &NO_DESCRIPTORS)
}

/// Returns a sentence if a server, client or program had too few descriptors, or too little memory, for what happened
/// on its node, and the scenario neither set that limit nor names the error. Explains failed expectations only.
pub(super) fn shortage(spec: &RunSpec, timeline: &Timeline) -> Option<String> {
    let limit = timeline.environment.as_ref()?.descriptors?;
    if let Some(why) = unexpected_error(spec, timeline, &NO_MEMORY) {
        return Some(why);
    }
    let workload = &spec.workload;
    let servers = workload
        .servers
        .iter()
        .map(|server| (server.name.as_str(), &server.node));
    let programs = workload
        .commands
        .iter()
        .filter(|command| command.ready.is_some());
    let programs = programs.map(|command| (command.name.as_str(), &command.node));
    let unbounded = |(_, node): &(&str, &NodeName)| is_unbounded(spec, node);
    let crowded = servers.filter(unbounded).find_map(|(name, node)| {
        let threads = peak(timeline, node) / limit.max(1);
        (threads > THREADS_TOLERATED).then(|| {
            format!("`{name}` had to spread its connections over {threads} threads, {limit} descriptors each")
        })
    });
    let full = programs.filter(unbounded).find_map(|(name, node)| {
        (peak(timeline, node) + OTHERS > limit)
            .then(|| format!("`{name}` had fewer descriptors ({limit}) than connections"))
    });
    let why = crowded.or(full)?;
    Some(format!(
        "{why}: raise the hard limit of descriptors (ulimit -Hn)"
    ))
}

/// Returns a sentence about the first of these errors on a node whose descriptors the scenario does not limit, unless
/// an expectation names the error.
fn unexpected_error(spec: &RunSpec, timeline: &Timeline, errors: &[(&str, i32)]) -> Option<String> {
    let workload = &spec.workload;
    let servers = workload.servers.iter().map(|s| (s.name.as_str(), &s.node));
    let clients = workload.clients.iter().map(|c| (c.name.as_str(), &c.node));
    let mut unbounded = servers
        .chain(clients)
        .filter(|(_, node)| is_unbounded(spec, node));
    unbounded.find_map(|(name, _)| {
        let happened = |(errno, _): &&(&str, i32)| {
            let series = format!("{name}.errors.{errno}");
            let is_named = spec
                .watched
                .iter()
                .any(|watched| watched.as_str() == series);
            !is_named && count(timeline, &series) > 0
        };
        let (errno, number) = errors.iter().find(happened)?;
        let advice = causes::advice(*number).unwrap_or_default();
        Some(format!("`{name}` failed with {errno}; {advice}"))
    })
}

fn is_unbounded(spec: &RunSpec, node: &NodeName) -> bool {
    let node = spec.topology.nodes.get(node);
    node.is_some_and(|node| node.nofile.is_none())
}

fn count(timeline: &Timeline, series: &str) -> i64 {
    timeline.series(series).and_then(Series::last).unwrap_or(0)
}

/// Returns the largest number of established connections on a node at once.
fn peak(timeline: &Timeline, name: &NodeName) -> u64 {
    let series = node::TCP.series_of(name.as_str(), "ESTABLISHED");
    let values = timeline
        .series(series.as_str())
        .into_iter()
        .flat_map(|series| &series.changes);
    let most = values.map(|(_, value)| *value).max().unwrap_or(0);
    u64::try_from(most).unwrap_or(0)
}
