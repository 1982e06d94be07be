//! HTML for people: one self-contained page that opens from disk, reads well in print, and fetches nothing.
//!
//! A page is a summary (`summary`) and a section for each scenario (`scenario`) with its runs (`run`). What is
//! drawn is SVG of our own: where a run happened (`topology`), what its expectations looked at (`chart`), and packets of its
//! connections (`ladders`).
//! Everything is static markup; one small script reads values off the charts.
//!
//! Not here: judging. What is shown as held or not comes from verdicts.

mod badge;
mod chart;
mod evidence;
mod ladders;
mod lesson;
mod page;
mod run;
mod scenario;
mod source;
mod summary;
mod text_lines;
mod topology;
mod verdicts;

use maud::Markup;

use super::printable::printable;
use crate::suite::{RunResult, ScenarioResult, SuiteResult};
use chart::Chart;
pub use ladders::Ladders;

/// Renders a suite as one HTML document, with ladders that were drawn from it.
pub fn render(result: &SuiteResult, ladders: &Ladders) -> String {
    let scenarios: Vec<ScenarioView<'_>> = result
        .scenarios
        .iter()
        .enumerate()
        .map(|(index, scenario)| ScenarioView::new(index, scenario, ladders))
        .collect();
    let charts: Vec<&Chart> = scenarios
        .iter()
        .flat_map(|scenario| &scenario.runs)
        .flat_map(|run| &run.charts)
        .collect();
    let columns = chart::columns_for(&charts);
    let page = page::page(result, &scenarios, columns).into_string();
    // What controls a terminal or reorders text does nothing good on a page either.
    printable(&page).into_owned()
}

/// A scenario with what its section needs beside the result.
#[derive(Debug)]
struct ScenarioView<'a> {
    /// `s1`: its anchor, and what the anchors of its parts begin with.
    id: String,
    result: &'a ScenarioResult,
    runs: Vec<RunView<'a>>,
}

/// A run with what its section needs beside the result.
#[derive(Debug)]
struct RunView<'a> {
    /// `s1-r2`: its anchor.
    id: String,
    result: &'a RunResult,
    charts: Vec<Chart>,
    ladders: Markup,
}

impl<'a> ScenarioView<'a> {
    fn new(number: usize, result: &'a ScenarioResult, ladders: &Ladders) -> Self {
        let id = format!("s{}", number + 1);
        let compare = &result.file.scenario.compare;
        let runs = result
            .runs
            .iter()
            .enumerate()
            .map(|(index, run)| RunView {
                id: format!("{id}-r{}", index + 1),
                result: run,
                charts: chart::pick::charts(run, compare),
                ladders: ladders.section((number, index)),
            })
            .collect();
        Self { id, result, runs }
    }

    /// The anchor of a line of its text.
    fn line_id(&self, line: impl std::fmt::Display) -> String {
        format!("{}-L{line}", self.id)
    }
}
