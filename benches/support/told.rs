//! Looks up what a run told.

use nslab::record::{LoadReport, Timeline};

use super::bench::Measured;

/// How the only client's load was offered.
pub(crate) fn load(told: &Timeline) -> Measured<LoadReport> {
    Ok(told.loads.first().cloned().ok_or("no load was reported")?)
}

/// The last value of a series; 0 where there is none.
pub(crate) fn last(told: &Timeline, series: &str) -> f64 {
    let series = told.series(series);
    series.and_then(|series| series.last()).unwrap_or(0) as f64
}
