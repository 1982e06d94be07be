//! A table of the same scenarios on several kernels, with the differing runs and their differences first.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::diff::key;
use super::place::FilePlace;
use super::printable::one_line;
use super::terminal::Style;
use super::terminal::layout::{plain, width, wrap};
use crate::compare::RunDiff;
use crate::record::Outcome;
use crate::suite::{RunResult, SuiteResult};

/// Columns between two columns of the table.
const GAP: usize = 2;
/// Width of an outcome.
const WORD: usize = 4;
/// Columns before a difference.
const INDENT: usize = 6;
/// Maximum number of differences per run.
const MOST: usize = 6;

/// A run on every kernel.
#[derive(Debug)]
struct Row {
    name: String,
    outcomes: Vec<Option<Outcome>>,
    /// The differences from each kernel to the next.
    differences: Vec<String>,
}

impl Row {
    fn is_uniform(&self) -> bool {
        self.differences.is_empty() && self.outcomes.windows(2).all(|pair| pair[0] == pair[1])
    }
}

/// Renders a table with a row for each run and comparison and a column for each kernel.
pub fn matrix(results: &[(String, SuiteResult)], style: Style) -> String {
    let rows = rows(results);
    let (same, different): (Vec<_>, Vec<_>) = rows.into_iter().partition(Row::is_uniform);
    let names = same.iter().chain(&different).map(|row| width(&row.name));
    let wide = names.max().unwrap_or_default();
    let mut text = String::new();
    let mut head = format!("{:wide$}", "");
    for (kernel, _) in results {
        let _ = write!(head, "{:GAP$}{kernel:WORD$}", "");
    }
    let _ = writeln!(text, "  {}", style.strong(head.trim_end()));
    for (title, rows) in [("different", &different), ("the same", &same)] {
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{}", style.faint(title));
        for row in rows {
            let _ = write!(
                text,
                "  {}{:fill$}",
                row.name,
                "",
                fill = wide - width(&row.name)
            );
            for ((kernel, _), outcome) in results.iter().zip(&row.outcomes) {
                let word =
                    outcome.map_or_else(|| "-   ".to_owned(), |outcome| style.outcome(outcome));
                let fill = width(kernel).max(WORD) - WORD;
                let _ = write!(text, "{:GAP$}{word}{:fill$}", "", "");
            }
            text.truncate(text.trim_end_matches(' ').len());
            text.push('\n');
            list(&mut text, &row.differences, style);
        }
    }
    text
}

fn list(text: &mut String, differences: &[String], style: Style) {
    for difference in differences.iter().take(MOST) {
        for (number, part) in wrap(&plain(difference), style.room(INDENT + 2))
            .iter()
            .enumerate()
        {
            let more = if number > 0 { "  " } else { "" };
            let _ = writeln!(text, "{:INDENT$}{more}{part}", "");
        }
    }
    if let Some(more) = differences.len().checked_sub(MOST).filter(|more| *more > 0) {
        let _ = writeln!(text, "{:INDENT$}and {more} more (nslab diff shows all)", "");
    }
}

fn rows(results: &[(String, SuiteResult)]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut last: BTreeMap<String, (&str, &RunResult)> = BTreeMap::new();
    for (column, (kernel, result)) in results.iter().enumerate() {
        for MatrixEntry { name, outcome, run } in entries(result) {
            let before = run.and_then(|run| last.insert(name.clone(), (kernel, run)));
            let differences = before.zip(run).map(|((other, before), run)| {
                let lines = key(&RunDiff::of(before, run)).into_iter();
                lines
                    .map(|line| match results.len() {
                        0..=2 => line,
                        _ => format!("{other} -> {kernel}: {line}"),
                    })
                    .collect::<Vec<_>>()
            });
            let at = *known.entry(name.clone()).or_insert_with(|| {
                rows.push(Row {
                    name,
                    outcomes: vec![None; results.len()],
                    differences: Vec::new(),
                });
                rows.len() - 1
            });
            if let Some(row) = rows.get_mut(at) {
                row.differences.extend(differences.into_iter().flatten());
                if let Some(cell) = row.outcomes.get_mut(column) {
                    *cell = Some(outcome);
                }
            }
        }
    }
    rows
}

/// A run, or the comparisons of a scenario.
struct MatrixEntry<'a> {
    name: String,
    outcome: Outcome,
    run: Option<&'a RunResult>,
}

/// Returns every run and comparison with its name. If two files contain scenarios with the same name, the path
/// is added.
fn entries(result: &SuiteResult) -> Vec<MatrixEntry<'_>> {
    let mut all: Vec<MatrixEntry<'_>> = Vec::new();
    for scenario in &result.scenarios {
        for run in &scenario.runs {
            let mut name = one_line(&run.spec.id.to_string());
            if all.iter().any(|known| known.name == name) {
                name = format!("{name}  {}", FilePlace::of_run(&scenario.file, run));
            }
            all.push(MatrixEntry {
                name,
                outcome: run.verdict.outcome,
                run: Some(run),
            });
        }
        let compared = scenario.compare.iter().flat_map(|case| &case.verdicts);
        if let Some(outcome) = compared.map(|verdict| verdict.outcome).max() {
            let name = format!("{} / compare", one_line(&scenario.file.scenario.name));
            all.push(MatrixEntry {
                name,
                outcome,
                run: None,
            });
        }
    }
    all
}
