//! The counters and gauges of a run as columns, with their meaning.

use serde_json::{Value, json};

use super::columns::{TextTable, differences};
use crate::metrics::SeriesKind;
use crate::metrics::listing::described;
use crate::record::Series;
use crate::scenario::RunSpec;
use crate::suite::RunResult;
use crate::units::Unit;

/// The most changes of all series together; a browser shows them without delay.
const MOST_CHANGES: usize = 400_000;

/// Returns every number that was ever other than 0. Those that expectations name come first if there is not room for
/// all; the second part is the number of series that are left out.
pub(super) fn series_data(run: &RunResult, texts: &mut TextTable) -> (Value, usize) {
    let is_shown = |series: &&Series| {
        let is_number = match series.declaration.kind {
            SeriesKind::Counter | SeriesKind::Gauge => true,
            SeriesKind::Text | SeriesKind::Distribution => false,
        };
        is_number && series.changes.iter().any(|(_, value)| *value != 0)
    };
    let mut all: Vec<&Series> = run.timeline.all_series().filter(is_shown).collect();
    let watched = |series: &Series| run.spec.watched.contains(&series.declaration.name);
    all.sort_by_key(|series| !watched(series));
    let (mut room, mut left_out) = (MOST_CHANGES, 0);
    let mut shown = Vec::new();
    for series in all {
        match room.checked_sub(series.changes.len()) {
            Some(left) => {
                room = left;
                shown.push(one(series, &run.spec, texts));
            }
            None => left_out += 1,
        }
    }
    (Value::Array(shown), left_out)
}

fn one(series: &Series, spec: &RunSpec, texts: &mut TextTable) -> Value {
    let declaration = &series.declaration;
    let name = declaration.name.as_str();
    let (owner, rest) = name.split_once('.').unwrap_or(("", name));
    let (meaning, source) =
        described(spec.topology.nodes.contains_key(owner), rest).unwrap_or_default();
    let times = series.changes.iter().map(|(t, _)| t.0.cast_signed());
    json!({
        "name": texts.number(name),
        "counter": declaration.kind == SeriesKind::Counter,
        "unit": match declaration.unit {
            Unit::Count => "count",
            Unit::Bytes => "bytes",
            Unit::BytesPerSecond => "bytes-per-second",
            Unit::PerSecond => "per-second",
            Unit::Seconds => "nanoseconds",
            Unit::Text => "text",
            Unit::TcpState => "tcp-state",
        },
        "emulated": declaration.emulated,
        "meaning": texts.number(&meaning),
        "source": texts.number(&source),
        "t": differences(times),
        "v": differences(series.changes.iter().map(|(_, value)| *value)),
    })
}
