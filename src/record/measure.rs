//! The figures that summarise a run: last values, peaks of gauges, quantiles of distributions.
//!
//! Not here: whether a figure is good or bad, and noise (`compare`, `report`).

use super::distribution::{merged, quantile};
use super::event::SeriesKind;
use super::series::Series;
use crate::units::Unit;

/// The quantiles that summarise a distribution.
const QUANTILES: [(&str, f64); 2] = [("p50", 0.5), ("p99", 0.99)];

/// A figure that summarises a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// Written as in expectations: `load.established`, `max(client.tcp.TIME_WAIT)`, `p99(load.latency)`.
    pub name: String,
    /// The value, in `unit`.
    pub value: i64,
    /// Unit of the value.
    pub unit: Unit,
    /// Kind of the series.
    pub kind: SeriesKind,
}

/// Summarises a series: the last value of a counter, the last and the greatest of a gauge, p50 and p99 of a
/// distribution. A counter that never counted gives 0; a gauge or distribution without values gives nothing.
pub fn measures(series: &Series) -> Vec<Measure> {
    let name = series.declaration.name.as_str();
    let (unit, kind) = (series.declaration.unit, series.declaration.kind);
    let values: Vec<(String, Option<i64>)> = match kind {
        SeriesKind::Counter => vec![(name.to_owned(), Some(series.last().unwrap_or(0)))],
        SeriesKind::Gauge => {
            let greatest = series.changes.iter().map(|(_, value)| *value).max();
            vec![
                (name.to_owned(), series.last()),
                (format!("max({name})"), greatest),
            ]
        }
        SeriesKind::Distribution => {
            let values = merged(series);
            let of = |share| quantile(&values, share).and_then(|value| i64::try_from(value).ok());
            QUANTILES
                .map(|(label, share)| (format!("{label}({name})"), of(share)))
                .into()
        }
        SeriesKind::Text => Vec::new(),
    };
    let measure = |(name, value): (String, Option<i64>)| {
        Some(Measure {
            name,
            value: value?,
            unit,
            kind,
        })
    };
    values.into_iter().filter_map(measure).collect()
}
