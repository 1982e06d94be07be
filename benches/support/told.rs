//! Looks up what a run told.

use nslab::record::Timeline;

/// The last value of a series; 0 where there is none.
pub(crate) fn last(told: &Timeline, series: &str) -> f64 {
    let series = told.series(series);
    series.and_then(|series| series.last()).unwrap_or(0) as f64
}
