//! One series that a probe writes: it remembers what was told last, so that only changes are told.

use crate::record::SeriesId;

/// A series and the value last told.
#[derive(Debug)]
pub(super) struct Watched {
    series: SeriesId,
    told: Option<i64>,
}

/// New values of one look: pairs of series and value.
pub(super) type Changes = Vec<(SeriesId, i64)>;

impl Watched {
    /// A series of which nothing was told yet.
    pub(super) fn new(series: SeriesId) -> Self {
        Self { series, told: None }
    }

    /// Adds the value to the look's changes, if it is one.
    pub(super) fn see(&mut self, value: i64, changes: &mut Changes) {
        if self.told != Some(value) {
            self.told = Some(value);
            changes.push((self.series, value));
        }
    }
}
