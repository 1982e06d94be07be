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
/// Errors for lack of something that this machine could give the lab, rather than of what the scenario is about.
const SHORTAGES: [(&str, i32); 4] = [
    ("EMFILE", libc::EMFILE),
    ("ENFILE", libc::ENFILE),
    ("ENOBUFS", libc::ENOBUFS),
    ("ENOMEM", libc::ENOMEM),
];

/// Returns a sentence if a server, client or program had too few descriptors for what happened on its node, and the
/// scenario neither set that limit nor expects errors.
pub(super) fn shortage(spec: &RunSpec, timeline: &Timeline) -> Option<String> {
    let limit = timeline.environment.as_ref()?.descriptors?;
    let workload = &spec.workload;
    let servers = workload
        .servers
        .iter()
        .map(|server| (server.name.as_str(), &server.node));
    let clients = workload
        .clients
        .iter()
        .map(|client| (client.name.as_str(), &client.node));
    let programs = workload
        .commands
        .iter()
        .filter(|command| command.ready.is_some());
    let programs = programs.map(|command| (command.name.as_str(), &command.node));
    let unbounded = |(_, name): &(&str, &NodeName)| {
        let node = spec.topology.nodes.get(*name);
        node.is_some_and(|node| node.nofile.is_none())
    };
    let failed = servers
        .clone()
        .chain(clients)
        .filter(unbounded)
        .find_map(|(name, _)| {
            let errors = format!("{name}.errors.");
            let mut watched = spec.watched.iter();
            let mut shortages = SHORTAGES.iter();
            let is_about_errors = watched.any(|series| series.as_str().starts_with(&errors));
            let found =
                |(errno, _): &&(&str, i32)| count(timeline, &format!("{errors}{errno}")) > 0;
            let (errno, number) = shortages.find(found)?;
            let advice = causes::advice(*number).unwrap_or_default();
            (!is_about_errors).then(|| format!("`{name}` failed with {errno}; {advice}"))
        });
    if failed.is_some() {
        return failed;
    }
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
