//! Rates: the increase of counters per second, over spans long enough to be meaningful.

use super::Chart;
use super::bound::drawn_unit;
use super::curve::Curve;
use super::group::Group;
use super::pick::{named, split};
use crate::metrics;
use crate::record::{Offset, Timeline};
use crate::scenario::expr::SeriesFunction;
use crate::units::Unit;
use crate::units::show;

/// Lengths of the spans over which rates are taken, in seconds.
const SPANS: [f64; 13] = [
    0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0,
];
/// Spans of a run for which rates are drawn.
const MOST_SPANS: f64 = 100.0;
/// Spans of a run in which almost nothing may be counted.
const LEAST_SPANS: f64 = 8.0;
/// Events in a span from which its rate is meaningful; with fewer, the grid of spans would dominate the picture.
const ENOUGH_TO_COUNT: f64 = 5.0;

/// Returns the rates of a group of counters, and for a client also those of its attempts.
pub(super) fn rates(owner: &str, group: &Group<'_>, timeline: &Timeline) -> Vec<Chart> {
    let unit = group
        .iter()
        .find(|(wanted, _)| wanted.function == Some(SeriesFunction::Rate))
        .map_or(Unit::PerSecond, |(wanted, _)| drawn_unit(*wanted));
    // A client's attempts belong in the same chart as their results, and last, so that the others keep their colours.
    let attempted = metrics::client::ATTEMPTED.series(owner).to_string();
    let mut names: Vec<&str> = Vec::new();
    for (wanted, _) in group {
        names.push(wanted.metric.series.as_str());
    }
    names.push(&attempted);
    let counted = names
        .iter()
        .filter_map(|name| timeline.series(name)?.last());
    let every = span_of_rates(timeline.now.as_secs_f64(), counted.max().unwrap_or(0));
    let layers = named(owner, &names, timeline, |series| {
        let every = Offset::from_duration(std::time::Duration::from_secs_f64(every));
        Curve::rate(series, every, timeline.now)
    });
    let title = format!("per second, over {} each", show::seconds(every));
    split(layers, group, || {
        Chart::empty(owner, &title, unit, timeline)
    })
}

/// Chooses the length of the spans: not too many of them, and enough events in each.
fn span_of_rates(seconds: f64, counted: i64) -> f64 {
    let most = (counted as f64 / ENOUGH_TO_COUNT).clamp(LEAST_SPANS, MOST_SPANS);
    SPANS
        .into_iter()
        .find(|span| seconds / span <= most)
        .unwrap_or(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_cover_spans_with_enough_events() {
        let is = |seconds, counted, span: f64| {
            let chosen = span_of_rates(seconds, counted);
            assert!(
                (chosen - span).abs() < 1e-9,
                "{seconds} s, {counted}: {chosen}"
            );
        };
        is(75.0, 37_500, 1.0);
        is(18.0, 1_800, 0.2);
        is(4.0, 30, 0.5);
        is(4.0, 0, 0.5);
        is(100_000.0, 1_000_000, 1800.0);
    }
}
