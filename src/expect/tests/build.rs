//! Builds timelines and expectations.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::record::{
    Built, Event, LoadReport, Offset, RunVerdict, SeriesDeclaration, SeriesId, SeriesKind,
    SeriesUnit, Timeline, Verdict,
};
use crate::scenario::expr::{
    ArithmeticOp, Claim, CompareOp, Expectation, Expr, MetricRef, SeriesFunction, Tolerance, Window,
};
use crate::scenario::{Place, RunId, RunSpec};
use crate::units::Unit;

/// Milliseconds of the run's clock.
pub(super) fn ms(milliseconds: u64) -> Offset {
    Offset(milliseconds * 1_000_000)
}

/// A timeline under construction; times are milliseconds.
#[derive(Default)]
pub(super) struct Run {
    pub(super) timeline: Timeline,
    declared: u32,
}

impl Run {
    pub(super) fn new() -> Self {
        Self::default()
    }

    fn declare(
        &mut self,
        name: &str,
        kind: SeriesKind,
        unit: SeriesUnit,
        emulated: bool,
    ) -> SeriesId {
        let id = SeriesId(self.declared);
        self.declared += 1;
        self.timeline.add(Event::Series(SeriesDeclaration {
            id,
            name: name.into(),
            kind,
            unit,
            emulated,
        }));
        id
    }

    fn sampled(mut self, id: SeriesId, changes: &[(u64, i64)]) -> Self {
        for (t, value) in changes {
            self.timeline.add(Event::Sample {
                t: ms(*t),
                v: vec![(id, *value)],
            });
        }
        self
    }

    pub(super) fn counter(mut self, name: &str, changes: &[(u64, i64)]) -> Self {
        let id = self.declare(name, SeriesKind::Counter, SeriesUnit::Count, false);
        self.sampled(id, changes)
    }

    pub(super) fn gauge(mut self, name: &str, changes: &[(u64, i64)]) -> Self {
        let id = self.declare(name, SeriesKind::Gauge, SeriesUnit::Count, false);
        self.sampled(id, changes)
    }

    pub(super) fn gauge_of(mut self, name: &str, unit: SeriesUnit, changes: &[(u64, i64)]) -> Self {
        let id = self.declare(name, SeriesKind::Gauge, unit, false);
        self.sampled(id, changes)
    }

    pub(super) fn emulated_gauge(mut self, name: &str, changes: &[(u64, i64)]) -> Self {
        let id = self.declare(name, SeriesKind::Gauge, SeriesUnit::Count, true);
        self.sampled(id, changes)
    }

    pub(super) fn text(mut self, name: &str, lines: &[(u64, &str)]) -> Self {
        let series = self.declare(name, SeriesKind::Text, SeriesUnit::Text, false);
        for (t, line) in lines {
            self.timeline.add(Event::Text {
                t: ms(*t),
                series,
                line: (*line).to_owned(),
            });
        }
        self
    }

    /// Values in milliseconds, with their counts.
    pub(super) fn latency(mut self, name: &str, spans: &[(u64, &[(u64, u64)])]) -> Self {
        let series = self.declare(
            name,
            SeriesKind::Distribution,
            SeriesUnit::Nanoseconds,
            false,
        );
        for (t, histogram) in spans {
            self.timeline.add(Event::Histogram {
                t: ms(*t),
                series,
                v: histogram
                    .iter()
                    .map(|(value, count)| (value * 1_000_000, *count))
                    .collect(),
            });
        }
        self
    }

    pub(super) fn looked(mut self, probe: &str, times: &[u64]) -> Self {
        for t in times {
            self.timeline.add(Event::Looked {
                t: ms(*t),
                probe: probe.to_owned(),
                cost: 0,
            });
        }
        self
    }

    pub(super) fn note(mut self, text: &str) -> Self {
        self.timeline.add(Event::Note {
            t: None,
            text: text.to_owned(),
        });
        self
    }

    pub(super) fn load(mut self, load: LoadReport) -> Self {
        self.timeline.add(Event::Load(load));
        self
    }

    pub(super) fn emulating(mut self) -> Self {
        let why = vec!["tcp_tw_recycle by a filter on the wire".to_owned()];
        self.timeline.add(Event::Built(Built {
            emulated: BTreeMap::from([("server".to_owned(), why)]),
            ..Built::default()
        }));
        self
    }

    /// The run goes on to this moment and says no more: its worker died.
    pub(super) fn died_at(mut self, t: u64) -> Timeline {
        self.timeline.add(Event::Sample {
            t: ms(t),
            v: Vec::new(),
        });
        self.timeline
    }

    pub(super) fn errored_at(self, t: u64, error: &str) -> Timeline {
        let mut timeline = self.died_at(t);
        timeline.add(Event::Errored {
            error: error.to_owned(),
        });
        timeline
    }

    pub(super) fn finished_at(mut self, t: u64) -> Timeline {
        self.timeline.add(Event::Finished {
            t: ms(t),
            interrupted: false,
        });
        self.timeline
    }

    pub(super) fn interrupted_at(mut self, t: u64) -> Timeline {
        self.timeline.add(Event::Finished {
            t: ms(t),
            interrupted: true,
        });
        self.timeline
    }
}

/// A load of 500/s for 10 s, exactly as asked.
pub(super) fn load_as_asked() -> LoadReport {
    LoadReport {
        client: "load".into(),
        open_loop: true,
        scheduled: 5000,
        started: 5000,
        offered_rate: 500.0,
        achieved_rate: 500.0,
        span: 10_000_000_000,
        late_p50: 20_000,
        late_p99: 40_000,
        late_max: 90_000,
        port_choice: "kernel".to_owned(),
        engine: "epoll".to_owned(),
        cpu: 0,
    }
}

/// A scenario without workload that expects this, sampled every 100 ms.
pub(super) fn spec(expect: Vec<Expectation>) -> RunSpec {
    RunSpec {
        id: RunId {
            scenario: "built".to_owned(),
            variant: None,
            case: Vec::new(),
            repetition: None,
        },
        params: BTreeMap::new(),
        topology: Default::default(),
        workload: Default::default(),
        requires: Default::default(),
        kernel_sysctls: BTreeMap::new(),
        expect,
        timeout: Duration::from_secs(60),
        watched: Vec::new(),
        watch_until: Duration::ZERO,
        sample_every: Duration::from_millis(100),
        seed: 1,
        exclusive: false,
    }
}

/// The run's verdict on one expectation.
pub(super) fn judge_one(claim: Claim, window: Window, timeline: &Timeline) -> Verdict {
    let mut verdict = judge_run(vec![expectation(claim, window)], timeline);
    verdict.verdicts.remove(0)
}

pub(super) fn judge_run(expect: Vec<Expectation>, timeline: &Timeline) -> RunVerdict {
    crate::expect::judge(&spec(expect), timeline)
}

pub(super) fn expectation(claim: Claim, window: Window) -> Expectation {
    Expectation {
        text: "as written".to_owned(),
        place: Place { line: 7, column: 5 },
        claim,
        window,
    }
}

pub(super) fn metric_ref(name: &str, unit: Unit) -> MetricRef {
    MetricRef {
        variant: None,
        series: name.into(),
        unit,
    }
}

pub(super) fn metric(name: &str) -> Expr {
    Expr::Metric(metric_ref(name, Unit::Count))
}

pub(super) fn of_variant(variant: &str, name: &str) -> Expr {
    Expr::Metric(MetricRef {
        variant: Some(variant.to_owned()),
        ..metric_ref(name, Unit::Count)
    })
}

pub(super) fn function(function: SeriesFunction, name: &str) -> Expr {
    function_of(function, name, Unit::Count)
}

pub(super) fn function_of(function: SeriesFunction, name: &str, unit: Unit) -> Expr {
    Expr::Series {
        function,
        metric: metric_ref(name, unit),
    }
}

pub(super) fn count(value: f64) -> Expr {
    number(value, Unit::Count)
}

pub(super) fn number(value: f64, unit: Unit) -> Expr {
    Expr::Number { value, unit }
}

pub(super) fn calculated(left: Expr, op: ArithmeticOp, right: Expr) -> Expr {
    Expr::Binary {
        op,
        left: Box::new(left),
        right: Box::new(right),
    }
}

pub(super) fn compared(left: Expr, op: CompareOp, right: Expr) -> Claim {
    Claim::Compare {
        left,
        op,
        right,
        tolerance: None,
    }
}

pub(super) fn about(left: Expr, right: Expr, tolerance: Tolerance) -> Claim {
    Claim::Compare {
        left,
        op: CompareOp::Equal,
        right,
        tolerance: Some(tolerance),
    }
}

pub(super) fn matches(series: &str, regex: &str, negated: bool) -> Claim {
    Claim::Matches {
        metric: metric_ref(series, Unit::Text),
        regex: regex.to_owned(),
        negated,
    }
}

pub(super) fn within(milliseconds: u64) -> Window {
    Window::Within(Duration::from_millis(milliseconds))
}

pub(super) fn at(milliseconds: u64) -> Window {
    Window::At(Duration::from_millis(milliseconds))
}

pub(super) fn during(from: u64, to: u64) -> Window {
    Window::During(Duration::from_millis(from), Duration::from_millis(to))
}

/// Quantity and value of each observation.
pub(super) fn seen(verdict: &Verdict) -> Vec<(&str, &str)> {
    verdict
        .observed
        .iter()
        .map(|observed| (observed.quantity.as_str(), observed.value.as_str()))
        .collect()
}

/// The reason; empty where there is none.
pub(super) fn why(verdict: &Verdict) -> &str {
    verdict.reason.as_deref().unwrap_or_default()
}
