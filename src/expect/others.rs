//! Whether others used the kernel while its objects were counted: those are the whole machine's.

use std::time::Duration;

use crate::record::{Offset, Series, Timeline};
use crate::scenario::RunSpec;

/// Sockets of the whole machine that come or go while a run itself does nothing yet, and are forgiven: programs of any machine do that.
const COME_AND_GO: i64 = 10;
/// The same of objects, of which some more are in use than are needed: those that a processor keeps at hand.
const OBJECTS_COME_AND_GO: i64 = 100;
/// TCP sockets of others that are forgiven where none comes or goes at that time.
const OF_OTHERS: i64 = 500;
/// Objects that connections come with, one each. Of files and their like there are always some that come and go.
const OF_CONNECTIONS: [&str; 4] = ["TCP", "tw_sock_TCP", "request_sock_TCP", "nf_conntrack"];

/// One sentence where a run counts the kernel's objects, and connections of others came and went beside it or were many: then a failure
/// says nothing of the kernel. What came before has half of the time until its load begins to be cleared away.
pub(super) fn beside(spec: &RunSpec, timeline: &Timeline) -> Option<String> {
    const OBJECTS: &str = "kernel.slab.";
    let watched = || spec.watched.iter().map(|series| series.as_str());
    if !watched().any(|series| series.starts_with(OBJECTS)) {
        return None;
    }
    let starts = spec.workload.clients.iter().map(|client| client.start);
    let begins = starts.min().unwrap_or(spec.timeout);
    let sockets = timeline.series("kernel.sockets")?;
    let (least, came_and_went) = quiet(sockets, begins)?;
    if came_and_went > COME_AND_GO {
        return Some(told(came_and_went, "TCP sockets"));
    }
    if least > OF_OTHERS {
        return Some(told(least, "TCP sockets"));
    }
    let kinds = watched().filter_map(|series| series.strip_prefix(OBJECTS));
    let mut kinds = kinds.filter(|kind| OF_CONNECTIONS.contains(&kind.trim_end_matches("v6")));
    kinds.find_map(|kind| {
        let series = timeline.series(&format!("{OBJECTS}{kind}"))?;
        let (_, came_and_went) = quiet(series, begins)?;
        (came_and_went > OBJECTS_COME_AND_GO).then(|| told(came_and_went, kind))
    })
}

fn told(count: i64, what: &str) -> String {
    format!(
        "others used the kernel, whose objects are counted: {count} {what} of theirs were there, came or went before the load began"
    )
}

/// The least value of a series in the second half of the time until the load begins, and by how much it varied.
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
