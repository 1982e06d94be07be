//! What was measured on both sides: last values, peaks of gauges, quantiles of distributions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Pair, noise};
use crate::record::{self, Series, SeriesKind, SeriesUnit};
use crate::scenario::RunSpec;
use crate::scenario::expr::Expectation;
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
    /// By how many times its noise it moved.
    pub times: f64,
    /// Whether an expectation names it.
    pub expected: bool,
}

/// One number that a run comes to.
#[derive(Debug, Clone)]
pub(super) struct Measure {
    /// As expectations write it.
    pub(super) name: String,
    /// What it is.
    pub(super) value: i64,
    /// What it counts.
    pub(super) unit: SeriesUnit,
    /// What its series is.
    pub(super) kind: SeriesKind,
    /// Whether a client, server or command accounts for it, not a node's kernel.
    pub(super) is_actors: bool,
}

/// What moved, and how many measures were compared.
pub(super) fn moved(both: Pair<&RunResult>) -> (Vec<MetricChange>, usize) {
    let (a, b) = (measures(both.a), measures(both.b));
    let specs = [&both.a.spec, &both.b.spec];
    let expected: BTreeSet<&str> = specs.into_iter().flat_map(expected).collect();
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let mut changes: Vec<MetricChange> = names
        .iter()
        .filter_map(|name| change(a.get(*name), b.get(*name), &expected))
        .collect();
    changes.sort_by(|a, b| {
        b.expected
            .cmp(&a.expected)
            .then(b.times.total_cmp(&a.times))
    });
    (changes, names.len())
}

/// What never happened is not recorded: an absent number is 0 as far as noise goes.
fn change(
    a: Option<&Measure>,
    b: Option<&Measure>,
    expected: &BTreeSet<&str>,
) -> Option<MetricChange> {
    let measure = a.or(b)?;
    let number = |side: Option<&Measure>| side.map_or(0, |measure| measure.value);
    let times = noise::moved(number(a), number(b), measure)?;
    let value = |side: Option<&Measure>| {
        side.map(|measure| Value {
            number: measure.value,
            unit: measure.unit,
        })
    };
    let name = &measure.name;
    let series = name
        .split_once('(')
        .map_or(name.as_str(), |(_, rest)| rest.trim_end_matches(')'));
    Some(MetricChange {
        name: name.clone(),
        value: Pair {
            a: value(a),
            b: value(b),
        },
        times,
        expected: expected.contains(series),
    })
}

fn expected(spec: &RunSpec) -> impl Iterator<Item = &str> {
    let metrics = spec.expect.iter().flat_map(Expectation::metrics);
    metrics.map(|metric| metric.series.as_str())
}

/// Every measure of a run, by its name.
fn measures(run: &RunResult) -> BTreeMap<String, Measure> {
    let of_node = |series: &Series| {
        let name = series.declaration.name.as_str();
        let owner = name.split_once('.').map_or(name, |(owner, _)| owner);
        let nodes = &run.spec.topology.nodes;
        nodes.keys().any(|node| node.as_str() == owner)
    };
    run.timeline
        .all_series()
        .flat_map(|series| of_series(series, !of_node(series)))
        .map(|measure| (measure.name.clone(), measure))
        .collect()
}

fn of_series(series: &Series, is_actors: bool) -> impl Iterator<Item = Measure> {
    record::measures(series)
        .into_iter()
        .map(move |measure| Measure {
            name: measure.name,
            value: measure.value,
            unit: measure.unit,
            kind: measure.kind,
            is_actors,
        })
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.unit {
            SeriesUnit::Count | SeriesUnit::Text => write!(f, "{}", self.number),
            SeriesUnit::Bytes => write!(f, "{} B", self.number),
            SeriesUnit::BytesPerSecond => write!(f, "{} B/s", self.number),
            SeriesUnit::Nanoseconds => {
                let nanos = u64::try_from(self.number).unwrap_or(0);
                f.write_str(&format_seconds(Duration::from_nanos(nanos)))
            }
        }
    }
}
