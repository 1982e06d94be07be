//! A series that a probe writes, with its last value, so that only changes are recorded.

use crate::record::SeriesId;

/// A series and its last recorded value.
#[derive(Debug)]
pub(super) struct Watched {
    series: SeriesId,
    last: Option<i64>,
}

/// The new values of one look: pairs of series and value.
pub(super) type Changes = Vec<(SeriesId, i64)>;

impl Watched {
    /// A series without a recorded value.
    pub(super) fn new(series: SeriesId) -> Self {
        Self { series, last: None }
    }

    /// Adds a value to the changes of the look if it differs from the last one.
    pub(super) fn see(&mut self, value: i64, changes: &mut Changes) {
        if self.last != Some(value) {
            self.last = Some(value);
            changes.push((self.series, value));
        }
    }
}
