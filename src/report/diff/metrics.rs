//! What was measured on both sides: last values, peaks of gauges, quantiles of distributions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Pair, noise};
use crate::record::{Series, SeriesKind, SeriesUnit, Timeline};
use crate::report::distribution::{merged, quantile};
use crate::report::metrics::named;
use crate::scenario::RunSpec;
use crate::suite::RunResult;
use crate::units::format_seconds;

/// A number with what it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value {
    /// The number.
    pub number: i64,
    /// What it counts.
    pub unit: SeriesUnit,
}

/// A measure that moved beyond noise, or that only one side has.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricChange {
    /// As expectations write it: `load.established`, `max(client.tcp.TIME_WAIT)`, `p99(load.latency)`.
    pub name: String,
    /// What it was, where it was recorded.
    pub value: Pair<Option<Value>>,
    /// By how many times its noise it moved; none where only one side has it.
    pub times: Option<f64>,
    /// Whether an expectation names it.
    pub expected: bool,
}

/// What moved, and how many measures were compared.
pub(super) fn moved(both: Pair<&RunResult>) -> (Vec<MetricChange>, usize) {
    let (a, b) = (measures(&both.a.timeline), measures(&both.b.timeline));
    let expected: BTreeSet<String> = expected(&both.a.spec)
        .chain(expected(&both.b.spec))
        .collect();
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let mut changes: Vec<MetricChange> = names
        .iter()
        .filter_map(|name| {
            let value = Pair {
                a: a.get(*name).copied(),
                b: b.get(*name).copied(),
            };
            change(name, value, &expected)
        })
        .collect();
    changes.sort_by(|a, b| {
        let rank = |change: &MetricChange| (change.expected, change.times.unwrap_or(0.0));
        let (a, b) = (rank(a), rank(b));
        b.0.cmp(&a.0).then(b.1.total_cmp(&a.1))
    });
    (changes, names.len())
}

fn change(
    name: &str,
    value: Pair<Option<Value>>,
    expected: &BTreeSet<String>,
) -> Option<MetricChange> {
    let times = match (value.a, value.b) {
        (Some(a), Some(b)) => Some(noise::moved(a.number, b.number, a.unit, name)?),
        // What never happened is not recorded.
        (Some(one), None) | (None, Some(one)) if one.number == 0 => return None,
        (Some(one), None) | (None, Some(one)) if name.contains(".errors.") => {
            Some(noise::moved(0, one.number, one.unit, name)?)
        }
        (Some(_), None) | (None, Some(_)) => None,
        (None, None) => return None,
    };
    let series = name
        .split_once('(')
        .map_or(name, |(_, rest)| rest.trim_end_matches(')'));
    Some(MetricChange {
        name: name.to_owned(),
        value,
        times,
        expected: expected.contains(series),
    })
}

fn expected(spec: &RunSpec) -> impl Iterator<Item = String> {
    let metrics = spec.expect.iter().flat_map(named);
    metrics.map(|metric| metric.series.as_str().to_owned())
}

/// Every measure of a run, by its name.
fn measures(timeline: &Timeline) -> BTreeMap<String, Value> {
    timeline.all_series().flat_map(of_series).collect()
}

fn of_series(series: &Series) -> Vec<(String, Value)> {
    let name = series.declaration.name.as_str();
    let mut found = Vec::new();
    let mut add = |name: String, number: Option<i64>| {
        let unit = series.declaration.unit;
        found.extend(number.map(|number| (name, Value { number, unit })));
    };
    match series.declaration.kind {
        SeriesKind::Counter => add(name.to_owned(), Some(series.last().unwrap_or(0))),
        SeriesKind::Gauge => {
            add(name.to_owned(), series.last());
            let values = series.changes.iter().map(|(_, value)| *value);
            add(format!("max({name})"), values.max());
        }
        SeriesKind::Distribution => {
            let values = merged(series);
            for (label, share) in [("p50", 0.5), ("p99", 0.99)] {
                let value = quantile(&values, share).and_then(|value| i64::try_from(value).ok());
                add(format!("{label}({name})"), value);
            }
        }
        SeriesKind::Text => {}
    }
    found
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.unit {
            SeriesUnit::Count | SeriesUnit::Text => write!(f, "{}", self.number),
            SeriesUnit::Bytes => write!(f, "{} B", self.number),
            SeriesUnit::Nanoseconds => {
                let nanos = u64::try_from(self.number).unwrap_or(0);
                f.write_str(&format_seconds(Duration::from_nanos(nanos)))
            }
        }
    }
}
