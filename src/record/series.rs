//! One series of a record: values as changes over time.

use super::clock::Offset;
use super::event::SeriesDeclaration;

/// A series with everything that was recorded of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Name, kind, unit, emulated or not.
    pub declaration: SeriesDeclaration,
    /// Changes, ascending in time: the value holds until the next change.
    pub changes: Vec<(Offset, i64)>,
    /// Lines, for a series of text.
    pub lines: Vec<(Offset, String)>,
    /// Histograms by end of span, for a distribution: values with counts.
    pub histograms: Vec<(Offset, Vec<(u64, u64)>)>,
}

impl Series {
    /// An empty series.
    pub fn new(declaration: SeriesDeclaration) -> Self {
        Self {
            declaration,
            changes: Vec::new(),
            lines: Vec::new(),
            histograms: Vec::new(),
        }
    }

    /// The value at a moment: that of the last change up to it; `None` before the first.
    pub fn at(&self, t: Offset) -> Option<i64> {
        let after = self.changes.partition_point(|(when, _)| *when <= t);
        after.checked_sub(1).map(|index| self.changes[index].1)
    }

    /// The last value.
    pub fn last(&self) -> Option<i64> {
        self.changes.last().map(|(_, value)| *value)
    }
}
