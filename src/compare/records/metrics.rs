//! Compares measurements: last values, peaks of gauges, quantiles of distributions.

use std::collections::{BTreeMap, BTreeSet};

use super::Pair;
use crate::compare::metric::series_of;
use crate::compare::noise;
use crate::record::{self, Measure};
use crate::scenario::RunSpec;
use crate::scenario::expr::Expectation;
use crate::suite::RunResult;
use crate::units::Unit;

/// A number of the record with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct MetricValue {
    pub number: i64,
    pub unit: Unit,
}

/// A measure that moved beyond noise.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricChange {
    /// Name in the notation of expectations: `load.established`, `max(client.tcp.TIME_WAIT)`, `p99(load.latency)`.
    pub name: String,
    /// Its value, if it was recorded.
    pub value: Pair<Option<MetricValue>>,
    /// The difference as a multiple of the noise.
    pub times: f64,
    /// True if an expectation names it.
    pub expected: bool,
}

/// Returns the measures that moved, and how many were compared.
pub(super) fn moved(both: Pair<&RunResult>) -> (Vec<MetricChange>, usize) {
    let (a, b) = (measures(both.a), measures(both.b));
    let specs = [&both.a.spec, &both.b.spec];
    let is_actors = |name: &str| {
        let owner = series_of(name).split('.').next().unwrap_or_default();
        let mut nodes = specs.iter().flat_map(|spec| spec.topology.nodes.keys());
        !nodes.any(|node| node.as_str() == owner)
    };
    let expected: BTreeSet<&str> = specs.into_iter().flat_map(expected).collect();
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let mut changes: Vec<MetricChange> = names
        .iter()
        .filter_map(|name| change(a.get(*name), b.get(*name), &expected, is_actors(name)))
        .collect();
    changes.sort_by(|a, b| {
        b.expected
            .cmp(&a.expected)
            .then(b.times.total_cmp(&a.times))
    });
    (changes, names.len())
}

/// Compares one measure. Events that never happened are not recorded, so an absent number counts as 0.
fn change(
    a: Option<&Measure>,
    b: Option<&Measure>,
    expected: &BTreeSet<&str>,
    is_actors: bool,
) -> Option<MetricChange> {
    let measure = a.or(b)?;
    let number = |side: Option<&Measure>| side.map_or(0, |measure| measure.value);
    let times = noise::moved(number(a), number(b), measure, is_actors)?;
    let value = |side: Option<&Measure>| {
        side.map(|measure| MetricValue {
            number: measure.value,
            unit: measure.unit,
        })
    };
    Some(MetricChange {
        name: measure.name.clone(),
        value: Pair {
            a: value(a),
            b: value(b),
        },
        times,
        expected: expected.contains(series_of(&measure.name)),
    })
}

fn expected(spec: &RunSpec) -> impl Iterator<Item = &str> {
    let metrics = spec.expect.iter().flat_map(Expectation::metrics);
    metrics.map(|metric| metric.series.as_str())
}

/// Returns every measure of a run by name.
fn measures(run: &RunResult) -> BTreeMap<String, Measure> {
    run.timeline
        .all_series()
        .flat_map(record::measures)
        .map(|measure| (measure.name.clone(), measure))
        .collect()
}

impl std::fmt::Display for MetricValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.unit.written(self.number))
    }
}
