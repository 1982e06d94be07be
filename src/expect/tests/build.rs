//! Builds timelines and expectations.

use crate::fixtures::run_spec;
pub(super) use crate::fixtures::{TimelineBuilder, load_report};
use std::time::Duration;

use crate::record::{Offset, RunVerdict, Timeline, Verdict};
use crate::scenario::expr::{
    ArithmeticOp, Claim, CompareOp, Expectation, Expr, MetricRef, SeriesFunction, Tolerance, Window,
};
use crate::scenario::{Place, RunSpec};
use crate::units::Unit;

/// Milliseconds of the run's clock.
pub(super) fn ms(milliseconds: u64) -> Offset {
    Offset(milliseconds * 1_000_000)
}

/// A scenario without workload that expects this, sampled every 100 ms.
pub(super) fn spec(expect: Vec<Expectation>) -> RunSpec {
    RunSpec {
        expect,
        ..run_spec("built")
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
