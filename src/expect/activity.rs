//! The time in which load was offered: the span of the rate "of a run".

use super::absent;
use crate::metrics::client;
use crate::names::SeriesName;
use crate::record::{Offset, Timeline};

/// The span from the first to the last start of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Activity {
    pub(super) from: Offset,
    /// The last recorded start, or the end of a command.
    pub(super) to: Offset,
}

impl Activity {
    /// Returns the span in which the owner of a series was active. For a client that is up to its last start, and
    /// for its bytes up to the last of them. For anything else it is the span of everything that generates load:
    /// clients from their first to their last attempt, commands from the start of the clock to their end. `None`
    /// if nothing was active.
    pub(super) fn behind(series: &SeriesName, timeline: &Timeline) -> Option<Self> {
        let own = client::ATTEMPTED.series(absent::owner(series));
        if let Some(attempted) = timeline.series(own.as_str()) {
            let mut active = Self::of_changes(&attempted.changes)?;
            // The single attempt of a transfer goes on until its last byte.
            if absent::rest(series) == client::BYTES.name
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
                } else if absent::rest(name) == client::ATTEMPTED.name {
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
        // The initial 0 of a series is not a start.
        let mut starts = changes.iter().filter(|(_, value)| *value > 0);
        let from = starts.next()?.0;
        let to = starts.next_back().map_or(from, |(t, _)| *t);
        Some(Self { from, to })
    }
}
