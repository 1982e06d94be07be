//! When load was offered: the span over which a rate "of the run" is meant.

use super::absent;
use crate::names::SeriesName;
use crate::record::{Offset, Timeline};

/// From the first to the last start of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Activity {
    /// The first recorded start.
    pub(super) from: Offset,
    /// The last recorded start; a command's end.
    pub(super) to: Offset,
}

impl Activity {
    /// When a series' owner was active, where it is a client: up to its last start, its bytes up to the last of them. Else when anything that makes load was: clients from their
    /// first to their last attempt, commands from the start of the clock to their end. `None` where nothing was.
    pub(super) fn behind(series: &SeriesName, timeline: &Timeline) -> Option<Self> {
        let own = format!("{}.attempted", absent::owner(series));
        if let Some(attempted) = timeline.series(&own) {
            let mut active = Self::of_changes(&attempted.changes)?;
            // A transfer's one attempt goes on until its last byte.
            if absent::rest(series) == "bytes"
                && let Some((last, _)) = timeline
                    .series(series.as_str())
                    .and_then(|bytes| bytes.changes.last())
            {
                active.to = active.to.max(*last);
            }
            return Some(active);
        }
        timeline
            .all_series()
            .filter_map(|series| {
                let name = &series.declaration.name;
                if absent::is_exit_status(name) {
                    let ended = series.changes.last().map(|(t, _)| *t);
                    Some(Self {
                        from: Offset::ZERO,
                        to: ended.unwrap_or(timeline.now),
                    })
                } else if absent::rest(name) == "attempted" {
                    Self::of_changes(&series.changes)
                } else {
                    None
                }
            })
            .reduce(|one, other| Self {
                from: one.from.min(other.from),
                to: one.to.max(other.to),
            })
    }

    fn of_changes(changes: &[(Offset, i64)]) -> Option<Self> {
        // A series that starts with its 0 says nothing of a start.
        let mut starts = changes.iter().filter(|(_, value)| *value > 0);
        let from = starts.next()?.0;
        let to = starts.next_back().map_or(from, |(t, _)| *t);
        Some(Self { from, to })
    }
}
