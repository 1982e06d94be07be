//! The time series as CSV in long form, with one row for each change, ready for any data frame.
//!
//! Columns `scenario,variant,case,t_seconds,series,value,emulated`. A value holds until the next row of its series.
//! Numbers are in the units of expectations: counts, bytes, seconds. A distribution has three rows at the end of each
//! span: `count(S)`, `p50(S)` and `p99(S)` of that span alone. Text has one row for each line, with control characters
//! made visible, because many readers stop at a NUL. Quoting follows RFC 4180; lines end with LF.

use super::evidence::emulated;
use super::printable::printable;
use crate::record::distribution::{count, quantile};
use crate::record::{Offset, Series, SeriesKind};
use crate::suite::{RunResult, SuiteResult};
use crate::units::Unit;
use crate::units::format_seconds;

const HEADER: [&str; 7] = [
    "scenario",
    "variant",
    "case",
    "t_seconds",
    "series",
    "value",
    "emulated",
];

/// Renders every run of a suite.
///
/// # Errors
/// None in practice: writing to memory does not fail.
pub fn render(result: &SuiteResult) -> csv::Result<String> {
    table(result.scenarios.iter().flat_map(|scenario| &scenario.runs))
}

/// Renders the series of one run.
///
/// # Errors
/// None in practice, as for [`render`].
pub fn render_run(run: &RunResult) -> csv::Result<String> {
    table(std::iter::once(run))
}

fn table<'a>(runs: impl Iterator<Item = &'a RunResult>) -> csv::Result<String> {
    let mut bytes = Vec::new();
    let mut table = csv::Writer::from_writer(&mut bytes);
    table.write_record(HEADER)?;
    for run in runs {
        let id = &run.spec.id;
        let case: Vec<String> = id
            .case
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .chain(id.repetition.map(|number| format!("repetition={number}")))
            .collect();
        let case = case.join(" ");
        let scenario = printable(&id.scenario);
        let variant = printable(id.variant.as_deref().unwrap_or_default());
        let all_emulated = emulated(run);
        for series in run.timeline.all_series() {
            let mark = if all_emulated || series.declaration.emulated {
                "true"
            } else {
                "false"
            };
            for (t, name, value) in rows(series) {
                table.write_record([
                    scenario.as_ref(),
                    variant.as_ref(),
                    &case,
                    &seconds(t),
                    &name,
                    &value,
                    mark,
                ])?;
            }
        }
    }
    table.flush()?;
    drop(table);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn rows(series: &Series) -> Vec<(Offset, String, String)> {
    let name = series.declaration.name.to_string();
    let unit = series.declaration.unit;
    match series.declaration.kind {
        SeriesKind::Counter | SeriesKind::Gauge => series
            .changes
            .iter()
            .map(|(t, value)| (*t, name.clone(), number(*value, unit)))
            .collect(),
        SeriesKind::Text => series
            .lines
            .iter()
            .map(|(t, line)| (*t, name.clone(), printable(line).into_owned()))
            .collect(),
        SeriesKind::Distribution => series
            .histograms
            .iter()
            .flat_map(|(t, values)| span(*t, &name, values, unit))
            .collect(),
    }
}

fn span(t: Offset, name: &str, values: &[(u64, u64)], unit: Unit) -> Vec<(Offset, String, String)> {
    let total = count(values);
    let mut rows = vec![(t, format!("count({name})"), total.to_string())];
    for percent in [50, 99] {
        if let Some(value) = quantile(values, f64::from(percent) / 100.0) {
            rows.push((
                t,
                format!("p{percent}({name})"),
                number(i64::try_from(value).unwrap_or(i64::MAX), unit),
            ));
        }
    }
    rows
}

fn number(value: i64, unit: Unit) -> String {
    match (unit, u64::try_from(value)) {
        (Unit::Seconds, Ok(nanos)) => seconds(Offset(nanos)),
        (
            Unit::Seconds
            | Unit::Count
            | Unit::Bytes
            | Unit::PerSecond
            | Unit::BytesPerSecond
            | Unit::Text
            | Unit::TcpState,
            _,
        ) => value.to_string(),
    }
}

/// Returns the exact number of seconds, without a unit.
fn seconds(t: Offset) -> String {
    format_seconds(t.as_duration())
        .trim_end_matches('s')
        .to_owned()
}
