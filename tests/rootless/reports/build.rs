//! Builds results piece by piece, without running anything.

use nslab::fixtures;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nslab::record::{
    Built, Environment, Event, LoadReport, Observation, Offset, Outcome, Privileges, RunVerdict,
    SeriesDeclaration, SeriesId, SeriesKind, Timeline, Verdict,
};
use nslab::scenario::expr::{Claim, CompareOp, Expectation, Expr, MetricRef, Window};
use nslab::scenario::{Place, RunId, RunSpec, Scenario};
use nslab::suite::{RunResult, ScenarioFile};
use nslab::units::Unit;

/// Returns an expectation `metric == 200` at a line; `variant:metric` names the metric of a variant.
pub(crate) fn expectation(line: u32, metric: &str, text: &str) -> Expectation {
    let (variant, series) = match metric.split_once(':') {
        Some((variant, series)) => (Some(variant.to_owned()), series),
        None => (None, metric),
    };
    let metric = MetricRef {
        variant,
        series: series.into(),
        unit: Unit::Count,
    };
    Expectation {
        text: text.to_owned(),
        place: Place { line, column: 9 },
        claim: Claim::Compare {
            left: Expr::Metric(metric),
            op: CompareOp::Equal,
            right: Expr::Number {
                value: 200.0,
                unit: Unit::Count,
            },
            tolerance: None,
        },
        window: Window::End,
    }
}

/// Returns a verdict on an expectation.
pub(crate) fn verdict(of: &Expectation, outcome: Outcome, observed: &[(&str, &str)]) -> Verdict {
    let observed = observed.iter().map(|(quantity, value)| Observation {
        quantity: (*quantity).to_owned(),
        value: (*value).to_owned(),
        number: None,
    });
    Verdict {
        text: of.text.clone(),
        line: of.place.line,
        column: of.place.column,
        outcome,
        observed: observed.collect(),
        reason: None,
        decided_at: Some(Offset(5_000_000_000)),
        emulated: false,
    }
}

/// Returns a scenario file without runs.
pub(crate) fn file(
    label: &str,
    name: &str,
    title: &str,
    compare: Vec<Expectation>,
) -> Arc<ScenarioFile> {
    Arc::new(ScenarioFile {
        label: label.to_owned(),
        set: Default::default(),
        text: format!("# {title}\n#\nname: {name}\ntitle: {title}\n"),
        scenario: Scenario {
            name: name.to_owned(),
            title: title.to_owned(),
            claim: Some(
                "At nf_conntrack_max clients stall, and the kernel says \"table full\".".to_owned(),
            ),
            truth: Some(nslab::scenario::Truth::True),
            source: Vec::new(),
            lesson: None,
            tags: vec!["flagship".to_owned()],
            exercises: Vec::new(),
            runs: Vec::new(),
            compare,
            learn: None,
        },
    })
}

/// Returns a run of a scenario; events are added to its timeline.
pub(crate) fn run(
    scenario: &str,
    variant: Option<&str>,
    case: &[(&str, &str)],
    expect: Vec<Expectation>,
) -> RunResult {
    let case: Vec<(String, String)> = case
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect();
    let spec = RunSpec {
        id: RunId {
            variant: variant.map(str::to_owned),
            case: case.clone(),
            ..RunId::of(scenario)
        },
        params: case.into_iter().collect(),
        topology: fixtures::topology(&["client", "nat", "server"], &[]),
        expect,
        seed: 42,
        ..fixtures::run_spec(scenario)
    };
    let passed = RunVerdict {
        outcome: Outcome::Passed,
        reason: None,
        verdicts: Vec::new(),
    };
    let took = Duration::from_millis(5_250);
    let mut run = RunResult::new(spec, Timeline::default(), passed, took);
    run.timeline.add(Event::Environment(Box::new(Environment {
        nslab: "0.1.0".to_owned(),
        kernel_release: "6.18.0".to_owned(),
        kernel_build: "#1 SMP PREEMPT_DYNAMIC".to_owned(),
        machine: "x86_64".to_owned(),
        processors: 2,
        memory: 4 << 30,
        privileges: Privileges::Rootless,
        seed: 42,
        ..Environment::default()
    })));
    run
}

/// Judges a run by hand.
pub(crate) fn judged(
    mut run: RunResult,
    outcome: Outcome,
    reason: Option<&str>,
    verdicts: Vec<Verdict>,
) -> RunResult {
    run.verdict = RunVerdict {
        outcome,
        reason: reason.map(str::to_owned),
        verdicts,
    };
    run
}

/// Adds a numeric series: seconds and values.
pub(crate) fn numbers(
    run: &mut RunResult,
    name: &str,
    kind: SeriesKind,
    unit: Unit,
    changes: &[(u64, i64)],
) {
    let id = declare(run, name, kind, unit);
    for (second, value) in changes {
        run.timeline.add(Event::Sample {
            t: Offset(second * 1_000_000_000),
            v: vec![(id, *value)],
        });
    }
}

/// Adds a line of text.
pub(crate) fn text(run: &mut RunResult, name: &str, t: u64, line: &str) {
    let series = declare(run, name, SeriesKind::Text, Unit::Text);
    run.timeline.add(Event::Text {
        t: Offset(t),
        series,
        line: line.to_owned(),
    });
}

/// Adds a span of latencies in nanoseconds.
pub(crate) fn latencies(run: &mut RunResult, name: &str, second: u64, values: &[(u64, u64)]) {
    let series = declare(run, name, SeriesKind::Distribution, Unit::Seconds);
    run.timeline.add(Event::Histogram {
        t: Offset(second * 1_000_000_000),
        series,
        v: values.to_vec(),
    });
}

fn declare(run: &mut RunResult, name: &str, kind: SeriesKind, unit: Unit) -> SeriesId {
    if let Some(series) = run.timeline.series(name) {
        return series.declaration.id;
    }
    let id = SeriesId(u32::try_from(run.timeline.all_series().count()).unwrap());
    run.timeline.add(Event::Series(SeriesDeclaration {
        id,
        name: name.into(),
        kind,
        unit,
        emulated: false,
    }));
    id
}

/// Adds the report of a client's load.
pub(crate) fn load(run: &mut RunResult, client: &str, started: u64, achieved_rate: f64) {
    run.timeline.add(Event::Load(LoadReport {
        client: client.into(),
        open_loop: true,
        scheduled: 300,
        started,
        offered_rate: 100.0,
        achieved_rate,
        span: 3_000_000_000,
        late_p50: 20_000,
        late_p99: 39_000,
        late_max: 210_000,
        port_choice: "kernel".to_owned(),
        engine: "epoll".to_owned(),
        cpu: 9_000_000,
    }));
}

/// Marks a feature of the server as emulated.
pub(crate) fn emulate(run: &mut RunResult) {
    run.timeline.add(Event::Built(Built {
        took: 1_860_000,
        emulated: BTreeMap::from([(
            "server".to_owned(),
            vec![
                "net.ipv4.tcp_tw_recycle as Linux 4.9 had it, by a filter on its links".to_owned(),
            ],
        )]),
        ..Built::default()
    }));
    for verdict in &mut run.verdict.verdicts {
        verdict.emulated = true;
    }
}

/// Ends a run at this time on its clock.
pub(crate) fn finish(run: &mut RunResult, second: u64) {
    run.timeline.add(Event::Finished {
        t: Offset(second * 1_000_000_000),
        interrupted: false,
    });
}
