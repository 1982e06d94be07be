//! Reads a distribution by merging the histograms of a span.
//!
//! `p50` and `p99` are the least value that this share of the measurements does not exceed (nearest rank).
//! `mean`, which is also the value of the bare quantity, `max` and `min` cover all measurements; `last` is the
//! mean of the last span with measurements; `first` is the end of the first one. Without a measurement there is
//! no value.

use std::collections::BTreeMap;

use super::metric::{NEVER, Reading};
use crate::record::{Offset, Series};
use crate::scenario::expr::SeriesFunction;

const NOTHING_MEASURED: Reading = Reading::Nothing("nothing measured");

/// Walks along the histograms of a series and merges them.
#[derive(Debug)]
pub(super) struct Distribution<'a> {
    series: &'a Series,
    next: usize,
    merged: BTreeMap<u64, u64>,
    total: Total,
    last: Option<Total>,
    first: Option<Offset>,
}

/// The number and sum of measurements.
#[derive(Debug, Clone, Copy, Default)]
struct Total {
    count: u64,
    sum: u128,
}

impl Total {
    fn add(&mut self, value: u64, count: u64) {
        self.count = self.count.saturating_add(count);
        self.sum = self
            .sum
            .saturating_add(u128::from(value) * u128::from(count));
    }

    fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }
}

impl<'a> Distribution<'a> {
    /// Starts at a moment. A histogram carries the end of its span, so one that ends at `from` lies before.
    pub(super) fn start(series: &'a Series, from: Offset) -> Self {
        let next = if from == Offset::ZERO {
            0
        } else {
            series.histograms.partition_point(|(t, _)| *t <= from)
        };
        Self {
            series,
            next,
            merged: BTreeMap::new(),
            total: Total::default(),
            last: None,
            first: None,
        }
    }

    pub(super) fn changes(&self) -> impl Iterator<Item = Offset> + use<'a> {
        self.series.histograms.iter().map(|(t, _)| *t)
    }

    /// Merges the spans that end up to a moment.
    pub(super) fn advance(&mut self, to: Offset) {
        while let Some((t, histogram)) = self.series.histograms.get(self.next)
            && *t <= to
        {
            let mut span = Total::default();
            for (value, count) in histogram {
                let merged = self.merged.entry(*value).or_default();
                *merged = merged.saturating_add(*count);
                self.total.add(*value, *count);
                span.add(*value, *count);
            }
            if span.count > 0 {
                self.last = Some(span);
                self.first.get_or_insert(*t);
            }
            self.next += 1;
        }
    }

    /// Returns a function of everything merged so far.
    pub(super) fn read(&self, function: Option<SeriesFunction>) -> Reading {
        let number = match function {
            None | Some(SeriesFunction::Mean) => self.total.mean(),
            Some(SeriesFunction::Last) => self.last.and_then(Total::mean),
            Some(SeriesFunction::Max) => self.measured().next_back().map(|value| value as f64),
            Some(SeriesFunction::Min) => self.measured().next().map(|value| value as f64),
            Some(SeriesFunction::First) => {
                return self
                    .first
                    .map_or(NEVER, |t| Reading::Value(t.0 as f64 / 1e9));
            }
            Some(function) => function
                .per_mille()
                .and_then(|share| self.percentile(share)),
        };
        number.map_or(NOTHING_MEASURED, |number| {
            Reading::Value(self.series.declaration.unit.from_record(number))
        })
    }

    fn measured(&self) -> impl DoubleEndedIterator<Item = u64> {
        self.merged
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(value, _)| *value)
    }

    fn percentile(&self, per_mille: u32) -> Option<f64> {
        let rank = (u128::from(self.total.count) * u128::from(per_mille)).div_ceil(1000);
        let mut below: u128 = 0;
        self.merged
            .iter()
            .find(|(_, count)| {
                below += u128::from(**count);
                **count > 0 && below >= rank
            })
            .map(|(value, _)| *value as f64)
    }
}
