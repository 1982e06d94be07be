//! Builds results by hand: topologies, loads, records and verdicts.

use nslab::fixtures;
pub use nslab::fixtures::{server, sysctl, topology};
use std::sync::Arc;
use std::time::Duration;

use nslab::record::{
    Built, Environment, Event, LoadReport, Observation, Offset, Outcome, RunVerdict, SeriesId,
    SeriesKind, Timeline, Verdict,
};
use nslab::scenario::expr::{
    Claim, CompareOp, Expectation, Expr, MetricRef, SeriesFunction, Window,
};
use nslab::scenario::topology::Topology;
use nslab::scenario::workload::{ClientClose, ClientSpec, Workload};
use nslab::scenario::{Place, RunId, RunSpec, Scenario};
use nslab::suite::{RunResult, ScenarioFile, ScenarioResult, SuiteResult};
use nslab::units::Unit;

pub const SECOND: u64 = 1_000_000_000;
pub const MS: u64 = 1_000_000;

pub fn client(name: &str, node: &str, rate: f64, count: u64) -> ClientSpec {
    let load = fixtures::paced(count, rate, ClientClose::Client);
    ClientSpec {
        to: Some("web".into()),
        ..fixtures::client(name, node, ([10, 0, 0, 2], 80).into(), load)
    }
}

/// A run's record, put together piece by piece.
#[derive(Debug, Default)]
pub struct Tape {
    pub events: fixtures::TimelineBuilder,
}

impl Tape {
    /// Starts a record on a machine like those that tests run on.
    pub fn on_a_machine(off_baseline: &[(&str, &str, &str)]) -> Self {
        let mut environment = Environment {
            nslab: "0.1.0".to_owned(),
            kernel_release: "6.18.5".to_owned(),
            kernel_build: "#1 SMP PREEMPT_DYNAMIC".to_owned(),
            machine: "x86_64".to_owned(),
            processors: 2,
            memory: 24 << 30,
            seed: 42,
            ..Environment::default()
        };
        for (node, key, value) in off_baseline {
            environment
                .off_baseline
                .entry((*node).to_owned())
                .or_default()
                .insert((*key).to_owned(), (*value).to_owned());
        }
        let mut tape = Self::default();
        tape.events
            .timeline
            .add(Event::Environment(Box::new(environment)));
        tape
    }

    pub fn built(&mut self, built: Built) {
        self.events.timeline.add(Event::Built(built));
    }

    pub fn declare(&mut self, name: &str, kind: SeriesKind, unit: Unit) -> SeriesId {
        self.declare_as(name, kind, unit, false)
    }

    pub fn declare_as(
        &mut self,
        name: &str,
        kind: SeriesKind,
        unit: Unit,
        emulated: bool,
    ) -> SeriesId {
        self.events.declare(name, kind, unit, emulated)
    }

    /// Adds a series of counts from a function of time, sampled at a fixed interval; only changes are kept.
    pub fn series(
        &mut self,
        name: &str,
        kind: SeriesKind,
        every: u64,
        end: u64,
        value: impl Fn(f64) -> i64,
    ) {
        self.series_as(name, kind, every, end, false, value);
    }

    pub fn series_as(
        &mut self,
        name: &str,
        kind: SeriesKind,
        every: u64,
        end: u64,
        emulated: bool,
        value: impl Fn(f64) -> i64,
    ) {
        let id = self.declare_as(name, kind, Unit::Count, emulated);
        let mut last = if kind == SeriesKind::Counter {
            Some(0)
        } else {
            None
        };
        for t in (0..=end).step_by(usize::try_from(every).unwrap()) {
            let value = value(Offset(t).as_secs_f64());
            if last != Some(value) {
                last = Some(value);
                self.events.timeline.add(Event::Sample {
                    t: Offset(t),
                    v: vec![(id, value)],
                });
            }
        }
    }

    pub fn line(&mut self, series: SeriesId, t: u64, line: &str) {
        self.events.timeline.add(Event::Text {
            t: Offset(t),
            series,
            line: line.to_owned(),
        });
    }

    pub fn load(&mut self, client: &str, scheduled: u64, rate: f64) {
        self.events.timeline.add(Event::Load(LoadReport {
            client: client.into(),
            open_loop: true,
            scheduled,
            started: scheduled,
            offered_rate: rate,
            achieved_rate: rate * 0.9998,
            span: (scheduled as f64 / rate * 1e9) as u64,
            late_p50: 19_400,
            late_p99: 41_000,
            late_max: 220_000,
            port_choice: "kernel".to_owned(),
            engine: "epoll".to_owned(),
            cpu: 31 * MS,
        }));
    }

    pub fn finished(mut self, t: u64) -> Timeline {
        self.events.timeline.add(Event::Finished {
            t: Offset(t),
            interrupted: false,
        });
        self.events.timeline
    }
}

/// Returns an expectation with its verdict.
pub type Judged = (Expectation, Verdict);

pub fn metric(name: &str, unit: Unit) -> MetricRef {
    MetricRef {
        variant: None,
        series: name.into(),
        unit,
    }
}

pub fn of(name: &str) -> Expr {
    Expr::Metric(metric(name, Unit::Count))
}

pub fn function(function: SeriesFunction, name: &str, unit: Unit) -> Expr {
    Expr::Series {
        function,
        metric: metric(name, unit),
    }
}

pub fn number(value: f64, unit: Unit) -> Expr {
    Expr::Number { value, unit }
}

pub fn compare(left: Expr, op: CompareOp, value: f64) -> Claim {
    Claim::Compare {
        left,
        op,
        right: number(value, Unit::Count),
        tolerance: None,
    }
}

/// An expectation with its line, outcome and observed values.
pub fn judged(
    line: u32,
    text: &str,
    claim: Claim,
    window: Window,
    outcome: Outcome,
    observed: &[(&str, &str)],
) -> Judged {
    let place = Place { line, column: 9 };
    let expectation = Expectation {
        text: text.to_owned(),
        place,
        claim,
        window,
    };
    let verdict = Verdict {
        text: text.to_owned(),
        line,
        column: 9,
        outcome,
        observed: observed
            .iter()
            .map(|(quantity, value)| Observation {
                quantity: (*quantity).to_owned(),
                value: (*value).to_owned(),
                number: None,
            })
            .collect(),
        reason: None,
        decided_at: None,
        emulated: false,
    };
    (expectation, verdict)
}

/// Returns a run with its verdict: the worst of its expectations.
pub fn run(
    scenario: &str,
    variant: Option<&str>,
    topology: Topology,
    workload: Workload,
    timeline: Timeline,
    judged: Vec<Judged>,
) -> RunResult {
    let (expect, verdicts): (Vec<_>, Vec<_>) = judged.into_iter().unzip();
    let outcome = verdicts.iter().map(|verdict| verdict.outcome).max();
    let took = timeline.now.as_duration() + Duration::from_millis(310);
    let spec = RunSpec {
        id: RunId {
            variant: variant.map(str::to_owned),
            ..RunId::of(scenario)
        },
        topology,
        workload,
        expect,
        timeout: Duration::from_secs(120),
        seed: 42,
        ..fixtures::run_spec(scenario)
    };
    let verdict = RunVerdict {
        outcome: outcome.unwrap_or(Outcome::Passed),
        reason: None,
        verdicts,
    };
    RunResult::new(spec, timeline, verdict, took)
}

/// Returns a scenario with this text, title, claim and lesson.
pub fn scenario(
    name: &str,
    title: &str,
    claim: &str,
    label: &str,
    text: &str,
    lesson: &str,
    runs: Vec<RunResult>,
) -> ScenarioResult {
    ScenarioResult {
        file: Arc::new(ScenarioFile {
            label: label.to_owned(),
            set: Default::default(),
            text: text.to_owned(),
            scenario: Scenario {
                name: name.to_owned(),
                title: title.to_owned(),
                claim: Some(claim.to_owned()),
                truth: Some(nslab::scenario::Truth::False),
                source: vec![
                    "https://serverfault.com/questions/10852/\
                     what-limits-the-maximum-number-of-connections-on-a-linux-server"
                        .to_owned(),
                    "listen(2)".to_owned(),
                ],
                lesson: Some(lesson.to_owned()),
                tags: vec!["flagship".to_owned()],
                exercises: Vec::new(),
                runs: runs.iter().map(|run| run.spec.clone()).collect(),
                compare: Vec::new(),
                learn: None,
            },
        }),
        runs,
        compare: Vec::new(),
        kernel: None,
    }
}

pub fn suite(scenarios: Vec<ScenarioResult>) -> SuiteResult {
    let took = scenarios
        .iter()
        .flat_map(|scenario| &scenario.runs)
        .map(|run| run.took)
        .sum();
    SuiteResult {
        scenarios: scenarios.into_iter().map(Arc::new).collect(),
        took,
        interrupted: false,
        not_run: Vec::new(),
    }
}
