//! The functions that expectations apply to series.

use super::syntax::{Expr, ExprKind};
use crate::metrics::SeriesKind;
use crate::scenario::expr::SeriesFunction;

pub(super) const HELP: &str =
    "percentiles apply to a distribution such as `latency`; `last`, `first` and `rate` to a number";

/// A function with the kinds of series that it applies to.
#[derive(Debug, Clone, Copy)]
pub(super) struct NamedFunction {
    pub(super) name: &'static str,
    pub(super) function: SeriesFunction,
    of_numbers: bool,
    of_distributions: bool,
}

impl NamedFunction {
    const fn of_both(name: &'static str, function: SeriesFunction) -> Self {
        Self {
            name,
            function,
            of_numbers: true,
            of_distributions: true,
        }
    }

    const fn of_numbers(name: &'static str, function: SeriesFunction) -> Self {
        Self {
            name,
            function,
            of_numbers: true,
            of_distributions: false,
        }
    }

    const fn of_distributions(name: &'static str, function: SeriesFunction) -> Self {
        Self {
            name,
            function,
            of_numbers: false,
            of_distributions: true,
        }
    }

    pub(super) fn applies_to(self, kind: SeriesKind) -> bool {
        match kind {
            SeriesKind::Counter | SeriesKind::Gauge => self.of_numbers,
            SeriesKind::Distribution => self.of_distributions,
            SeriesKind::Text => false,
        }
    }
}

pub(super) const FUNCTIONS: [NamedFunction; 11] = [
    NamedFunction::of_both("max", SeriesFunction::Max),
    NamedFunction::of_both("min", SeriesFunction::Min),
    NamedFunction::of_both("mean", SeriesFunction::Mean),
    NamedFunction::of_numbers("last", SeriesFunction::Last),
    NamedFunction::of_numbers("first", SeriesFunction::First),
    NamedFunction::of_numbers("rate", SeriesFunction::Rate),
    NamedFunction::of_distributions("p50", SeriesFunction::P50),
    NamedFunction::of_distributions("p90", SeriesFunction::P90),
    NamedFunction::of_distributions("p95", SeriesFunction::P95),
    NamedFunction::of_distributions("p99", SeriesFunction::P99),
    NamedFunction::of_distributions("p999", SeriesFunction::P999),
];

/// Explains the function that is meant by another word: `avg(load.latency)`.
pub(super) fn other_word(name: &str, of: &Expr) -> Option<String> {
    let ExprKind::Path(path) = &of.value else {
        return None;
    };
    let meant = match name.to_lowercase().as_str() {
        "avg" | "average" | "ave" => "mean",
        "median" | "p50th" | "med" => "p50",
        "maximum" | "peak" | "highest" | "most" => "max",
        "minimum" | "lowest" | "least" => "min",
        "final" | "end" | "value" | "current" | "latest" => "last",
        "start" | "begin" | "when" | "time" | "firsttime" => "first",
        "persecond" | "per_second" | "irate" | "rps" | "speed" => "rate",
        "p100" => "max",
        "p75" | "p80" | "p98" | "p9999" => {
            return Some(format!(
                "percentiles are p50, p90, p95, p99 and p999: write `p99({path})`"
            ));
        }
        "sum" | "count" | "total" | "delta" | "increase" | "len" | "number" | "abs" => {
            return Some(format!("a counter counts from the start: write `{path}`"));
        }
        _ => return None,
    };
    Some(format!("write `{meant}({path})`"))
}
