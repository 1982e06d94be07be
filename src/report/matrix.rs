//! A table of the same scenarios on several kernels, with the differing runs first.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::place::FilePlace;
use super::printable::one_line;
use super::terminal::Style;
use super::terminal::layout::width;
use crate::record::Outcome;
use crate::suite::SuiteResult;

/// Columns between two columns of the table.
const GAP: usize = 2;
/// Width of an outcome.
const WORD: usize = 4;

/// A run on every kernel.
#[derive(Debug)]
struct Row {
    name: String,
    outcomes: Vec<Option<Outcome>>,
}

impl Row {
    fn is_uniform(&self) -> bool {
        self.outcomes.windows(2).all(|pair| pair[0] == pair[1])
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
        }
    }
    text
}

fn rows(results: &[(String, SuiteResult)]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for (column, (_, result)) in results.iter().enumerate() {
        for (name, outcome) in outcomes(result) {
            let at = *known.entry(name.clone()).or_insert_with(|| {
                rows.push(Row {
                    name,
                    outcomes: vec![None; results.len()],
                });
                rows.len() - 1
            });
            if let Some(cell) = rows
                .get_mut(at)
                .and_then(|row| row.outcomes.get_mut(column))
            {
                *cell = Some(outcome);
            }
        }
    }
    rows
}

/// Returns every run and comparison with its name. If two files contain scenarios with the same name, the path
/// is added.
fn outcomes(result: &SuiteResult) -> Vec<(String, Outcome)> {
    let mut all: Vec<(String, Outcome)> = Vec::new();
    for scenario in &result.scenarios {
        for run in &scenario.runs {
            let mut name = one_line(&run.spec.id.to_string());
            if all.iter().any(|(known, _)| *known == name) {
                name = format!("{name}  {}", FilePlace::of_run(&scenario.file, run));
            }
            all.push((name, run.verdict.outcome));
        }
        let compared = scenario.compare.iter().flat_map(|case| &case.verdicts);
        if let Some(outcome) = compared.map(|verdict| verdict.outcome).max() {
            let name = format!("{} / compare", one_line(&scenario.file.scenario.name));
            all.push((name, outcome));
        }
    }
    all
}
