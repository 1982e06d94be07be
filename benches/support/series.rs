//! Looks up recorded values.

use nslab::record::Timeline;

/// Returns the last value of a series; 0 if there is no such series.
pub(crate) fn last(timeline: &Timeline, series: &str) -> f64 {
    let series = timeline.series(series);
    series.and_then(|series| series.last()).unwrap_or(0) as f64
}
