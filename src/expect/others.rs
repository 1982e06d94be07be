//! Checks whether other processes used the kernel while its objects were counted, which is done for the whole machine.

use std::time::Duration;

use crate::metrics::kernel;
use crate::record::{Offset, Series, Timeline};
use crate::scenario::RunSpec;

/// The number of sockets on the machine that may come or go before the run does anything, as on any machine.
const COME_AND_GO: i64 = 10;
/// The same for objects. Each processor keeps some at hand, so more are in use than needed.
const OBJECTS_COME_AND_GO: i64 = 100;
/// The number of TCP sockets of other processes that is acceptable if none comes or goes.
const OF_OTHERS: i64 = 500;
/// Caches with one object for each connection. In those of files and the like, some always come and go.
const OF_CONNECTIONS: [&str; 4] = ["TCP", "tw_sock_TCP", "request_sock_TCP", "nf_conntrack"];

/// Returns a sentence if a run counts the kernel's objects and other processes had many connections, or opened
/// and closed some beside it: then a failure proves nothing about the kernel. Only the second half of the time
/// before the load begins is examined, so that the first half is left for cleaning up earlier runs.
pub(super) fn beside(spec: &RunSpec, timeline: &Timeline) -> Option<String> {
    const OBJECTS: &str = "kernel.slab.";
    let watched = || spec.watched.iter().map(|series| series.as_str());
    if !watched().any(|series| series.starts_with(OBJECTS)) {
        return None;
    }
    let starts = spec.workload.clients.iter().map(|client| client.start);
    let begins = starts.min().unwrap_or(spec.timeout);
    let sockets = timeline.series(kernel::SOCKETS.series("kernel").as_str())?;
    let (least, came_and_went) = quiet(sockets, begins)?;
    if came_and_went > COME_AND_GO {
        return Some(sentence(came_and_went, "TCP sockets"));
    }
    if least > OF_OTHERS {
        return Some(sentence(least, "TCP sockets"));
    }
    let kinds = watched().filter_map(|series| series.strip_prefix(OBJECTS));
    let mut kinds = kinds.filter(|kind| OF_CONNECTIONS.contains(&kind.trim_end_matches("v6")));
    kinds.find_map(|kind| {
        let series = timeline.series(&format!("{OBJECTS}{kind}"))?;
        let (_, came_and_went) = quiet(series, begins)?;
        (came_and_went > OBJECTS_COME_AND_GO).then(|| sentence(came_and_went, kind))
    })
}

fn sentence(count: i64, what: &str) -> String {
    format!(
        "other processes used the kernel, whose objects are counted: {count} of their {what} existed, opened or closed \
         before the load began"
    )
}

/// Returns the least value of a series in the second half of the time before the load begins, and its range there.
fn quiet(series: &Series, begins: Duration) -> Option<(i64, i64)> {
    let half = Offset::from_duration(begins / 2);
    let begins = Offset::from_duration(begins);
    let later = series.changes.iter();
    let later = later.filter(|(t, _)| half < *t && *t < begins);
    let values = || {
        later
            .clone()
            .map(|(_, value)| *value)
            .chain(series.at(half))
    };
    let (least, most) = (values().min()?, values().max()?);
    Some((least, most.saturating_sub(least)))
}
