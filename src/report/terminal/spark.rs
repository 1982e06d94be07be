//! Sparklines: a series as one line of blocks, enough to see when something rose, stopped or fell.

use crate::record::{Offset, Series, SeriesKind, Timeline};

/// Blocks from zero to the maximum. Zero has a block of its own, so that nothing else looks like zero.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Returns the sparkline of a numeric series with its maximum and last value; `None` if it has no values over time.
pub(super) fn line(series: &Series, timeline: &Timeline, columns: usize) -> Option<String> {
    match series.declaration.kind {
        SeriesKind::Counter | SeriesKind::Gauge => {}
        SeriesKind::Text | SeriesKind::Distribution => return None,
    }
    let (most_at, most) = *series
        .changes
        .iter()
        .rev()
        .max_by_key(|(_, value)| *value)?;
    let last = series.last()?;
    let shown = |value| series.declaration.unit.written(value);
    let blocks = blocks(series, timeline.now, columns);
    let figures = if most == last {
        format!("last {}, since {most_at}", shown(last))
    } else {
        format!("max {} at {most_at}, last {}", shown(most), shown(last))
    };
    Some(format!("{blocks} {figures}"))
}

/// Returns a block for each of `columns` equal spans: the greatest value in the span.
pub(crate) fn blocks(series: &Series, end: Offset, columns: usize) -> String {
    let columns = u64::try_from(columns.max(1)).unwrap_or(1);
    let span =
        |column: u64| Offset((u128::from(end.0) * u128::from(column) / u128::from(columns)) as u64);
    let values: Vec<i64> = (0..columns)
        .map(|column| {
            // A change at the very end belongs to the last span.
            let to = if column + 1 == columns {
                Offset(u64::MAX)
            } else {
                span(column + 1)
            };
            most_within(series, span(column), to)
        })
        .collect();
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let most = most as f64;
    let block = |value: i64| block(value as f64, most);
    values.into_iter().map(block).collect()
}

fn most_within(series: &Series, from: Offset, to: Offset) -> i64 {
    let first = series.changes.partition_point(|(t, _)| *t <= from);
    let changed = series.changes[first..]
        .iter()
        .take_while(|(t, _)| *t < to)
        .map(|(_, value)| *value);
    changed.chain(series.at(from)).max().unwrap_or(0)
}

/// Returns a block for each value of several rows, all on one scale.
pub(crate) fn rows<const N: usize>(values: [Vec<f64>; N]) -> [String; N] {
    let most = values.iter().flatten().copied().fold(0.0, f64::max);
    values.map(|row| row.into_iter().map(|value| block(value, most)).collect())
}

fn block(value: f64, most: f64) -> char {
    if value <= 0.0 {
        return BLOCKS[0];
    }
    let steps = (BLOCKS.len() - 2) as f64;
    let step = 1 + (value / most * steps).round() as usize;
    BLOCKS[step.min(BLOCKS.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_share_a_scale_and_only_zero_looks_like_zero() {
        let drawn = rows([vec![0.0, 1.0], vec![200.0, 400.0]]);
        assert_eq!(drawn, ["▁▂", "▅█"]);
        assert_eq!(rows([vec![0.0]]), ["▁"]);
    }

    use crate::record::{Event, SeriesDeclaration, SeriesId};
    use crate::units::Unit;

    fn timeline(seconds: u64, changes: &[(u64, i64)]) -> Timeline {
        let mut timeline = Timeline::default();
        timeline.add(Event::Series(SeriesDeclaration {
            id: SeriesId(0),
            name: "load.established".into(),
            kind: SeriesKind::Counter,
            unit: Unit::Count,
            emulated: false,
        }));
        for (second, value) in changes {
            timeline.add(Event::Sample {
                t: Offset(second * 1_000_000_000),
                v: vec![(SeriesId(0), *value)],
            });
        }
        timeline.add(Event::Finished {
            t: Offset(seconds * 1_000_000_000),
            interrupted: false,
        });
        timeline
    }

    fn drawn(seconds: u64, changes: &[(u64, i64)]) -> Option<String> {
        let timeline = timeline(seconds, changes);
        line(timeline.series("load.established").unwrap(), &timeline, 8)
    }

    #[test]
    fn a_counter_that_stops_is_seen_to_stop() {
        let changes = [(1, 10), (2, 20), (3, 30), (4, 40)];
        assert_eq!(
            drawn(8, &changes).unwrap(),
            "▁▄▅▇████ last 40, since 4.000s"
        );
    }

    #[test]
    fn a_gauge_that_falls_says_its_peak_and_when() {
        let changes = [(0, 0), (2, 1000), (3, 1), (6, 0)];
        assert_eq!(
            drawn(8, &changes).unwrap(),
            "▁▁█▂▂▂▁▁ max 1000 at 2.000s, last 0"
        );
    }

    #[test]
    fn a_peak_shorter_than_a_column_is_not_lost() {
        let timeline = timeline(8000, &[(0, 0), (4001, 7), (4002, 0)]);
        let line = line(timeline.series("load.established").unwrap(), &timeline, 8).unwrap();
        assert!(line.starts_with("▁▁▁▁█▁▁▁ max 7"), "{line}");
    }

    #[test]
    fn a_series_without_values_has_no_line() {
        assert_eq!(drawn(8, &[]), None);
    }
}
