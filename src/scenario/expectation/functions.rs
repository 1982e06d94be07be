//! The functions that expectations apply to series.

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

pub(super) const FUNCTIONS: [NamedFunction; 8] = [
    NamedFunction::of_both("max", SeriesFunction::Max),
    NamedFunction::of_both("min", SeriesFunction::Min),
    NamedFunction::of_both("mean", SeriesFunction::Mean),
    NamedFunction::of_numbers("last", SeriesFunction::Last),
    NamedFunction::of_numbers("first", SeriesFunction::First),
    NamedFunction::of_numbers("rate", SeriesFunction::Rate),
    NamedFunction::of_distributions("p50", SeriesFunction::P50),
    NamedFunction::of_distributions("p99", SeriesFunction::P99),
];
