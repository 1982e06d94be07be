//! Differences as JSON for programs, with versioned types.

use serde::Serialize;

use crate::compare::{MetricChange, MetricValue, Pair, RunDiff, SuiteDiff, VerdictChange};
use crate::record::Outcome;
use crate::scenario::RunId;
use crate::units::Unit;

/// Increased whenever a reader of the previous version could be misled.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct DiffReport {
    version: u32,
    nslab: &'static str,
    /// True if all outcomes are the same.
    same: bool,
    runs: Vec<RunChanges>,
    compare: Vec<Compare>,
    only_a: Vec<String>,
    only_b: Vec<String>,
}

#[derive(Serialize)]
struct Sides<T> {
    a: T,
    b: T,
}

#[derive(Serialize)]
struct RunChanges {
    run: Sides<String>,
    record: Sides<Option<String>>,
    same: bool,
    outcome: Sides<&'static str>,
    reason: Sides<Option<String>>,
    expectations_compared: usize,
    expectations: Vec<ExpectationChange>,
    metrics_compared: usize,
    metrics: Vec<MetricJson>,
    loads: Vec<LoadJson>,
    sysctls: Vec<Sysctl>,
    environment: Vec<Fact>,
    scenario: Vec<ScenarioPart>,
}

#[derive(Serialize)]
struct ExpectationChange {
    text: String,
    outcome: Sides<Option<&'static str>>,
    observed: Sides<String>,
    reason: Sides<Option<String>>,
}

#[derive(Serialize)]
struct Compare {
    scenario: String,
    #[serde(rename = "expectation")]
    change: ExpectationChange,
}

#[derive(Serialize)]
struct MetricJson {
    name: String,
    /// `count`, `bytes`, `bytes-per-second` or `nanoseconds`.
    unit: &'static str,
    value: Sides<Option<i64>>,
    /// The difference as a multiple of the noise.
    times_noise: f64,
    expected: bool,
}

#[derive(Serialize)]
struct LoadJson {
    client: String,
    started: Sides<Option<u64>>,
    offered_rate: Sides<Option<f64>>,
    achieved_rate: Sides<Option<f64>>,
}

#[derive(Serialize)]
struct Sysctl {
    node: String,
    key: String,
    value: Sides<Option<String>>,
}

#[derive(Serialize)]
struct Fact {
    what: String,
    value: Sides<String>,
}

#[derive(Serialize)]
struct ScenarioPart {
    what: String,
    value: Sides<Option<String>>,
}

/// Renders differences as indented JSON.
///
/// # Errors
/// None in practice: every part can be written as JSON.
pub fn render(diff: &SuiteDiff) -> serde_json::Result<String> {
    let ids = |ids: &[RunId]| ids.iter().map(RunId::to_string).collect();
    let report = DiffReport {
        version: VERSION,
        nslab: env!("CARGO_PKG_VERSION"),
        same: diff.is_same_verdict(),
        runs: diff.runs.iter().map(run).collect(),
        compare: diff
            .compare
            .iter()
            .map(|(id, change)| Compare {
                scenario: id.to_string(),
                change: expectation(change),
            })
            .collect(),
        only_a: ids(&diff.only.a),
        only_b: ids(&diff.only.b),
    };
    serde_json::to_string_pretty(&report).map(|text| text + "\n")
}

fn sides<T, U>(pair: &Pair<T>, of: impl Fn(&T) -> U) -> Sides<U> {
    Sides {
        a: of(&pair.a),
        b: of(&pair.b),
    }
}

fn run(run: &RunDiff) -> RunChanges {
    RunChanges {
        run: sides(&run.id, RunId::to_string),
        record: sides(&run.record, |path| {
            path.as_ref().map(|path| path.display().to_string())
        }),
        same: run.is_same_verdict(),
        outcome: sides(&run.outcome, |outcome| word(*outcome)),
        reason: sides(&run.reason, Clone::clone),
        expectations_compared: run.judged,
        expectations: run.verdicts.iter().map(expectation).collect(),
        metrics_compared: run.measured,
        metrics: run.metrics.iter().map(metric).collect(),
        loads: run
            .loads
            .iter()
            .map(|load| LoadJson {
                client: load.client.clone(),
                started: sides(&load.started, Clone::clone),
                offered_rate: sides(&load.offered, Clone::clone),
                achieved_rate: sides(&load.achieved, Clone::clone),
            })
            .collect(),
        sysctls: run
            .sysctls
            .iter()
            .map(|change| Sysctl {
                node: change.node.clone(),
                key: change.key.clone(),
                value: sides(&change.value, Clone::clone),
            })
            .collect(),
        environment: run
            .environment
            .iter()
            .map(|change| Fact {
                what: change.what.clone(),
                value: sides(&change.value, Clone::clone),
            })
            .collect(),
        scenario: run
            .scenario
            .iter()
            .map(|change| ScenarioPart {
                what: change.what.clone(),
                value: Sides {
                    a: change.left.clone(),
                    b: change.right.clone(),
                },
            })
            .collect(),
    }
}

fn metric(metric: &MetricChange) -> MetricJson {
    let any = metric.value.a.or(metric.value.b);
    MetricJson {
        name: metric.name.clone(),
        unit: any.map_or("count", unit),
        value: sides(&metric.value, |value| value.map(|value| value.number)),
        times_noise: metric.times,
        expected: metric.expected,
    }
}

fn unit(value: MetricValue) -> &'static str {
    match value.unit {
        Unit::Count | Unit::PerSecond | Unit::Text | Unit::TcpState => "count",
        Unit::Bytes => "bytes",
        Unit::BytesPerSecond => "bytes-per-second",
        Unit::Seconds => "nanoseconds",
    }
}

fn expectation(change: &VerdictChange) -> ExpectationChange {
    ExpectationChange {
        text: change.text.clone(),
        outcome: sides(&change.outcome, |outcome| outcome.map(word)),
        observed: sides(&change.observed, Clone::clone),
        reason: sides(&change.reason, Clone::clone),
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Skipped => "skipped",
        Outcome::Flaky => "flaky",
        Outcome::NotApplicable => "not-applicable",
        Outcome::Inconclusive => "inconclusive",
        Outcome::Failed => "failed",
        Outcome::Errored => "errored",
    }
}
