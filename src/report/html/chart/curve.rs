//! A curve: values that hold until the next change.

use crate::record::distribution;
use crate::record::{Offset, Series, SeriesKind};

/// Changes in ascending time; undefined before the first.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Curve {
    changes: Vec<(Offset, f64)>,
}

impl Curve {
    /// Makes a curve of changes in ascending time. Of several at one moment the last counts.
    pub(super) fn new(changes: impl IntoIterator<Item = (Offset, f64)>) -> Self {
        let mut kept: Vec<(Offset, f64)> = Vec::new();
        for (t, value) in changes {
            match kept.last_mut() {
                Some(last) if last.0 == t => last.1 = value,
                Some(last) if last.1.total_cmp(&value).is_eq() => {}
                _ => kept.push((t, value)),
            }
        }
        Self { changes: kept }
    }

    /// Makes a curve with one value.
    pub(super) fn constant(value: f64) -> Self {
        Self::new([(Offset::ZERO, value)])
    }

    /// Makes a curve of a counter or gauge in its base unit. A counter is 0 before its first change.
    pub(super) fn of(series: &Series) -> Self {
        let counts = series.declaration.kind == SeriesKind::Counter;
        let zero = counts.then_some((Offset::ZERO, 0.0));
        let changes = series
            .changes
            .iter()
            .map(|(t, value)| (*t, series.declaration.unit.from_record(*value as f64)));
        Self::new(zero.into_iter().chain(changes))
    }

    /// Makes a curve of a counter's increase per second, over spans of a given length.
    pub(super) fn rate(series: &Series, every: Offset, end: Offset) -> Self {
        let counter = Self::of(series);
        let mut rates = Vec::new();
        let mut from = Offset::ZERO;
        let mut before = counter.at(from).unwrap_or(0.0);
        while from < end {
            let to = Offset(from.0.saturating_add(every.0.max(1))).min(end);
            let span = Offset(to.0 - from.0).as_secs_f64();
            // The rest of a span is too short for a rate.
            if span < 0.5 * every.as_secs_f64() && !rates.is_empty() {
                break;
            }
            let after = counter.at(to).unwrap_or(0.0);
            rates.push((from, (after - before) / span));
            (from, before) = (to, after);
        }
        Self::new(rates)
    }

    /// Makes a curve of a percentile (between 0 and 1) of each span of a distribution, in its base unit.
    pub(super) fn percentile(series: &Series, share: f64) -> Self {
        let mut from = Offset::ZERO;
        let mut changes = Vec::new();
        for (end, histogram) in &series.histograms {
            let value = distribution::quantile(histogram, share);
            if let Some(value) = value {
                changes.push((from, series.declaration.unit.from_record(value as f64)));
            }
            from = *end;
        }
        Self::new(changes)
    }

    /// Returns the value at a moment; `None` before the first change.
    pub(super) fn at(&self, t: Offset) -> Option<f64> {
        let after = self.changes.partition_point(|(when, _)| *when <= t);
        after.checked_sub(1).map(|index| self.changes[index].1)
    }

    pub(super) fn changes(&self) -> &[(Offset, f64)] {
        &self.changes
    }

    /// Returns the least and the greatest value with their times; `None` if there are no values.
    pub(super) fn extremes(&self) -> Option<[(Offset, f64); 2]> {
        let least = self.changes.iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
        let greatest = self
            .changes
            .iter()
            .rev()
            .max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some([*least, *greatest])
    }

    /// Returns the value at the end.
    pub(super) fn last(&self) -> Option<f64> {
        self.changes.last().map(|(_, value)| *value)
    }

    /// Returns whether it is ever other than zero.
    pub(super) fn is_ever_other_than_zero(&self) -> bool {
        self.changes.iter().any(|(_, value)| *value != 0.0)
    }

    /// Returns when it first rose above zero.
    pub(super) fn first_above_zero(&self) -> Option<Offset> {
        self.changes
            .iter()
            .find(|(_, value)| *value > 0.0)
            .map(|(t, _)| *t)
    }

    /// Returns the changes that a drawing of this many columns can show: the least, the greatest and the last of each
    /// column. They are changes as recorded, so that values read off the drawing are true.
    pub(super) fn thinned(&self, end: Offset, columns: usize) -> Self {
        let mut kept = Vec::with_capacity(self.changes.len().min(3 * columns));
        for column in self
            .changes
            .chunk_by(|a, b| column_of(a.0, end, columns) == column_of(b.0, end, columns))
        {
            if column.len() <= 3 {
                kept.extend_from_slice(column);
                continue;
            }
            let by_value =
                |index: &usize, other: &usize| column[*index].1.total_cmp(&column[*other].1);
            let last = column.len() - 1;
            let mut indexes = [
                (0..last).min_by(by_value).unwrap_or(last),
                (0..last).max_by(by_value).unwrap_or(last),
                last,
            ];
            indexes.sort_unstable();
            kept.extend(indexes.iter().map(|index| column[*index]));
        }
        Self::new(kept)
    }
}

/// Returns the column of a moment.
pub(super) fn column_of(t: Offset, end: Offset, columns: usize) -> u64 {
    let column = u128::from(t.0) * columns as u128 / u128::from(end.0.max(1));
    u64::try_from(column).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{SeriesDeclaration, SeriesId};
    use crate::units::Unit;

    const SECOND: u64 = 1_000_000_000;

    fn series(kind: SeriesKind, unit: Unit) -> Series {
        Series::new(SeriesDeclaration {
            id: SeriesId(0),
            name: "a.b".into(),
            kind,
            unit,
            emulated: false,
        })
    }

    #[test]
    fn a_counter_is_zero_before_its_first_change_and_a_gauge_is_unknown() {
        let mut counter = series(SeriesKind::Counter, Unit::Count);
        counter.changes = vec![(Offset(5), 3)];
        let mut gauge = series(SeriesKind::Gauge, Unit::Count);
        gauge.changes = vec![(Offset(5), 3)];
        assert_eq!(Curve::of(&counter).at(Offset(4)), Some(0.0));
        assert_eq!(Curve::of(&gauge).at(Offset(4)), None);
        assert_eq!(Curve::of(&gauge).at(Offset(5)), Some(3.0));
    }

    #[test]
    fn a_rate_is_the_increase_per_second() {
        let mut counter = series(SeriesKind::Counter, Unit::Count);
        counter.changes = vec![
            (Offset(SECOND / 2), 10),
            (Offset(2 * SECOND), 30),
            (Offset(2 * SECOND + 1), 31),
        ];
        let rate = Curve::rate(&counter, Offset(SECOND), Offset(3 * SECOND + SECOND / 4));
        assert_eq!(rate.at(Offset(0)), Some(10.0));
        assert_eq!(rate.at(Offset(SECOND)), Some(20.0));
        assert_eq!(rate.at(Offset(2 * SECOND)), Some(1.0));
    }

    #[test]
    fn percentiles_cover_the_span_that_they_are_drawn_over() {
        let mut latency = series(SeriesKind::Distribution, Unit::Seconds);
        latency.histograms = vec![
            (Offset(SECOND), vec![(1_000_000, 99), (1_000_000_000, 1)]),
            (Offset(2 * SECOND), vec![(2_000_000, 1)]),
        ];
        let median = Curve::percentile(&latency, 0.5);
        assert_eq!(median.at(Offset::ZERO), Some(0.001));
        assert_eq!(median.at(Offset(SECOND)), Some(0.002));
        assert_eq!(Curve::percentile(&latency, 1.0).at(Offset(1)), Some(1.0));
    }

    #[test]
    fn thinning_keeps_extremes_and_the_end() {
        let noisy = Curve::new((0..100_000_u64).map(|i| {
            let value = match i {
                40_321 => 9_999.0,
                70_123 => -5.0,
                _ => (i % 7) as f64,
            };
            (Offset(i * 1000), value)
        }));
        let thin = noisy.thinned(Offset(100_000_000), 100);
        assert!(thin.changes().len() <= 301, "{}", thin.changes().len());
        assert_eq!(thin.extremes(), noisy.extremes());
        assert_eq!(thin.last(), noisy.last());
        for (t, value) in thin.changes() {
            assert_eq!(noisy.at(*t), Some(*value));
        }
    }

    #[test]
    fn thinning_keeps_a_curve_that_fits() {
        let few = Curve::new([(Offset(0), 1.0), (Offset(10), 2.0), (Offset(11), 1.0)]);
        assert_eq!(few.thinned(Offset(100), 100), few);
    }
}
