//! Differences for a terminal: runs with different outcomes first, then the other differences of each.

use std::fmt::{Display, Write};

use crate::compare::{
    LoadChange, MetricChange, MetricValue, Pair, RunDiff, SuiteDiff, VerdictChange,
};
use crate::record::Outcome;
use crate::report::terminal::Style;
use crate::report::terminal::layout::{plain, wrap};
use crate::scenario::RunId;

/// Columns before a heading, before its items, and before the details of an item.
const HEADING: usize = 5;
const ITEM: usize = 7;
const MORE: usize = 9;
/// Metrics that are shown without `--verbose`, starting with those that moved most.
const METRICS: usize = 20;

/// Renders differences for a terminal.
pub fn render(diff: &SuiteDiff, style: Style) -> String {
    let mut text = String::new();
    for run in &diff.runs {
        text.push_str(&of_run(run, style));
    }
    for (id, change) in &diff.compare {
        let _ = writeln!(
            text,
            "{} {} compare",
            mark(false, style),
            style.strong(&plain(&id.to_string()))
        );
        verdict(&mut text, change, style);
        text.push('\n');
    }
    text.push_str(&summary(diff, style));
    text
}

fn mark(same: bool, style: Style) -> String {
    if same {
        style.colour(Outcome::Passed, "SAME")
    } else {
        style.colour(Outcome::Failed, "DIFF")
    }
}

fn of_run(run: &RunDiff, style: Style) -> String {
    let name = arrow(&run.id);
    let mut text = format!(
        "{} {}: {}\n",
        mark(run.is_same_verdict(), style),
        style.strong(&plain(&name)),
        arrow(&run.outcome),
    );
    for (side, record) in [("A", &run.record.a), ("B", &run.record.b)] {
        if let Some(path) = record {
            line(
                &mut text,
                HEADING,
                &format!("{side}  {}", path.display()),
                style,
            );
        }
    }
    if !run.reason.is_same() {
        heading(&mut text, "why", style);
        sides(&mut text, ITEM, &reasons(&run.reason), style);
    }
    let otherwise = run.verdicts.len();
    if otherwise > 0 {
        let judged = run.judged;
        heading(
            &mut text,
            &format!(
                "expectations: {otherwise} of {judged} differ in outcome or are in one recording only"
            ),
            style,
        );
    }
    for change in &run.verdicts {
        verdict(&mut text, change, style);
    }
    metrics(&mut text, run, style);
    section(&mut text, "load", run.loads.iter().map(load), style);
    section(
        &mut text,
        "sysctls",
        run.sysctls.iter().map(|change| {
            let value =
                |side: &Option<String>| side.clone().unwrap_or_else(|| "as it is".to_owned());
            let (a, b) = (value(&change.value.a), value(&change.value.b));
            format!("{} {}: {a} -> {b}", change.node, change.key)
        }),
        style,
    );
    section(
        &mut text,
        "environment",
        run.environment
            .iter()
            .map(|change| format!("{}: {} -> {}", change.what, change.value.a, change.value.b)),
        style,
    );
    section(
        &mut text,
        "scenario",
        run.scenario.iter().map(ToString::to_string),
        style,
    );
    text.push('\n');
    text
}

fn reasons(reason: &Pair<Option<String>>) -> Pair<String> {
    let shown = |side: &Option<String>| side.clone().unwrap_or_else(|| "-".to_owned());
    Pair {
        a: shown(&reason.a),
        b: shown(&reason.b),
    }
}

fn verdict(text: &mut String, change: &VerdictChange, style: Style) {
    let outcome = |side: Option<Outcome>| side.map_or("not expected", Outcome::as_str);
    let (a, b) = (outcome(change.outcome.a), outcome(change.outcome.b));
    line(text, ITEM, &format!("{}: {a} -> {b}", change.text), style);
    let because = |observed: &String, reason: &Option<String>| {
        let parts = [
            Some(observed.clone()).filter(|text| !text.is_empty()),
            reason.clone(),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() {
            "-".to_owned()
        } else {
            parts.join("; ")
        }
    };
    let because = Pair {
        a: because(&change.observed.a, &change.reason.a),
        b: because(&change.observed.b, &change.reason.b),
    };
    sides(text, MORE, &because, style);
}

fn metrics(text: &mut String, run: &RunDiff, style: Style) {
    let shown = if style.verbose { usize::MAX } else { METRICS };
    let moved = run.metrics.len();
    let title = format!("metrics: {moved} of {} differ beyond noise", run.measured);
    heading(text, &title, style);
    for metric in run.metrics.iter().take(shown) {
        line(text, ITEM, &metric_line(metric), style);
    }
    if moved > shown {
        line(
            text,
            ITEM,
            &format!("and {} more (--verbose shows all)", moved - shown),
            style,
        );
    }
}

pub(super) fn metric_line(metric: &MetricChange) -> String {
    let value = |side: &Option<MetricValue>| {
        side.map_or_else(|| "not recorded".to_owned(), |value| value.to_string())
    };
    let (a, b) = (value(&metric.value.a), value(&metric.value.b));
    let share = match (metric.value.a, metric.value.b) {
        (Some(a), Some(b)) if a.number != 0 => {
            let share = (b.number as f64 - a.number as f64) / a.number as f64 * 100.0;
            format!("  ({share:+.0} %)")
        }
        _ => String::new(),
    };
    format!("{}: {a} -> {b}{share}", metric.name)
}

fn load(load: &LoadChange) -> String {
    let rate =
        |side: Option<f64>| side.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}/s"));
    let count = |side: Option<u64>| side.map_or_else(|| "-".to_owned(), |count| count.to_string());
    format!(
        "{}: offered {} -> {}, achieved {} -> {}, started {} -> {}",
        load.client,
        rate(load.offered.a),
        rate(load.offered.b),
        rate(load.achieved.a),
        rate(load.achieved.b),
        count(load.started.a),
        count(load.started.b),
    )
}

fn summary(diff: &SuiteDiff, style: Style) -> String {
    let same = diff.runs.iter().filter(|run| run.is_same_verdict()).count();
    let otherwise = diff.runs.len() - same + diff.compare.len();
    let mut text = format!(
        "{} {same} with the same outcome, {otherwise} different\n",
        mark(diff.is_same_verdict(), style)
    );
    for (side, ids) in [("A", &diff.only.a), ("B", &diff.only.b)] {
        if !ids.is_empty() {
            let names: Vec<String> = ids.iter().map(RunId::to_string).collect();
            line(
                &mut text,
                HEADING,
                &format!("only in {side}: {}", names.join("; ")),
                style,
            );
        }
    }
    text
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>, style: Style) {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        heading(text, title, style);
    }
    for item in lines {
        line(text, ITEM, &item, style);
    }
}

fn heading(text: &mut String, title: &str, style: Style) {
    let _ = writeln!(text, "{:HEADING$}{}", "", style.faint(title));
}

fn sides(text: &mut String, indent: usize, sides: &Pair<String>, style: Style) {
    line(text, indent, &format!("A  {}", sides.a), style);
    line(text, indent, &format!("B  {}", sides.b), style);
}

/// Writes a line, wrapped if it is too wide; continuation lines are indented by two more columns.
fn line(text: &mut String, indent: usize, line: &str, style: Style) {
    let lines = wrap(&plain(line).replace('\n', " "), style.room(indent + 2));
    for (number, part) in lines.iter().enumerate() {
        let more = if number > 0 { "  " } else { "" };
        let _ = writeln!(text, "{:indent$}{more}{part}", "");
    }
}

fn arrow<T: Display + PartialEq>(pair: &Pair<T>) -> String {
    if pair.is_same() {
        pair.a.to_string()
    } else {
        format!("{} -> {}", pair.a, pair.b)
    }
}
