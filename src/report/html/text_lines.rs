//! Text that expectations match against (`kernel.log`, `ab.stdout`): its lines, folded, with matching lines marked.

use indexmap::IndexMap;
use maud::{Markup, html};
use regex::Regex;

use crate::record::Series;
use crate::scenario::expr::Claim;
use crate::suite::RunResult;
use crate::units::show;

/// Lines of one series that are shown: enough for a program's report, and small compared with a chart.
const MOST_LINES: usize = 60;
/// Characters of one line that are shown.
const LONGEST_LINE: usize = 400;

/// Renders a fold for each text series that an expectation of this run matches against.
pub(super) fn text_lines(result: &RunResult) -> Markup {
    let mut wanted: IndexMap<&str, Vec<Regex>> = IndexMap::new();
    for expectation in &result.spec.expect {
        if let Claim::Matches { metric, regex, .. } = &expectation.claim {
            let patterns = wanted.entry(metric.series.as_str()).or_default();
            patterns.extend(Regex::new(regex));
        }
    }
    html! {
        @for (name, patterns) in &wanted {
            @match result.timeline.series(name) {
                Some(series) if !series.lines.is_empty() => (lines(series, patterns)),
                _ => p class="faint" { code { (name) } " has no lines." },
            }
        }
    }
}

fn lines(series: &Series, patterns: &[Regex]) -> Markup {
    let matches = |line: &str| patterns.iter().any(|pattern| pattern.is_match(line));
    let matching = series
        .lines
        .iter()
        .filter(|(_, line)| matches(line))
        .count();
    // If not all lines fit, matching lines take precedence; the order is kept.
    let mut room_for_matching = MOST_LINES;
    let mut room_for_others = MOST_LINES.saturating_sub(matching);
    let shown: Vec<_> = series
        .lines
        .iter()
        .map(|(t, line)| (t, line, matches(line)))
        .filter(|(.., matches)| {
            let room = if *matches {
                &mut room_for_matching
            } else {
                &mut room_for_others
            };
            let fits = *room > 0;
            *room = room.saturating_sub(1);
            fits
        })
        .collect();
    let left_out = series.lines.len() - shown.len();
    html! {
        details class="lines" {
            summary {
                code { (series.declaration.name) } ": " (show::counted(series.lines.len(), "line"))
                ", " (matching) " matching"
            }
            pre tabindex="0" {
                @for (t, line, matches) in shown {
                    span class="faint" { (format!("{:>9}  ", show::seconds((t.as_secs_f64() * 1e3).round() / 1e3))) }
                    @if matches { mark { (cut(line)) } } @else { (cut(line)) }
                    "\n"
                }
            }
            @if left_out > 0 { p class="faint" { (left_out) " more lines are not shown." } }
        }
    }
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
