//! A recorded series: a value's changes over time.

use super::clock::Offset;
use super::event::SeriesDeclaration;

/// A series and everything recorded for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Name, kind and unit, and whether it is emulated.
    pub declaration: SeriesDeclaration,
    /// Value changes, ascending by time. A value holds until the next change.
    pub changes: Vec<(Offset, i64)>,
    /// Lines of a text series.
    pub lines: Vec<(Offset, String)>,
    /// Histograms of a distribution, by the end of their span: pairs of value and count.
    pub histograms: Vec<(Offset, Vec<(u64, u64)>)>,
}

impl Series {
    /// Creates an empty series.
    pub fn new(declaration: SeriesDeclaration) -> Self {
        Self {
            declaration,
            changes: Vec::new(),
            lines: Vec::new(),
            histograms: Vec::new(),
        }
    }

    /// Returns the value at a time, that is, of the last change up to it; `None` before the first change.
    pub fn at(&self, t: Offset) -> Option<i64> {
        let after = self.changes.partition_point(|(when, _)| *when <= t);
        after.checked_sub(1).map(|index| self.changes[index].1)
    }

    /// Returns the last value, if there is one.
    pub fn last(&self) -> Option<i64> {
        self.changes.last().map(|(_, value)| *value)
    }
}
