//! HTML for people: one self-contained page that opens from disk, prints well, and fetches nothing.
//!
//! A page is a summary (`summary`) and a section for each scenario (`scenario`) with its runs (`run`). The drawings are
//! SVG: the topology of a run (`topology`), charts of its metrics (`chart`), and the packets of its connections
//! (`ladders`). Everything is static markup; a small script reads values off the charts. Only the view of each moment
//! (`view`) is made by scripts.
//!
//! The page does not judge: the outcomes come from verdicts.

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
mod view;

pub(crate) use lesson::lesson as markdown;

use maud::Markup;

use super::printable::printable;
use crate::suite::{RunResult, ScenarioResult, SuiteResult};
use chart::Chart;
pub use ladders::Ladders;
pub use view::{Views, render_view};

/// Renders a suite as one HTML document with its ladders and views.
pub fn render(result: &SuiteResult, ladders: &Ladders, views: &Views) -> String {
    let scenarios: Vec<ScenarioView<'_>> = result
        .scenarios
        .iter()
        .enumerate()
        .map(|(index, scenario)| ScenarioView::new(index, scenario, (ladders, views)))
        .collect();
    let charts: Vec<&Chart> = scenarios
        .iter()
        .flat_map(|scenario| &scenario.runs)
        .flat_map(|run| &run.charts)
        .collect();
    let columns = chart::columns_for(&charts);
    let page = page::page(result, &scenarios, columns, views.any()).into_string();
    // Characters that control a terminal or reorder text are not useful on a page either.
    printable(&page).into_owned()
}

/// A scenario with the context of its section.
#[derive(Debug)]
struct ScenarioView<'a> {
    /// Its anchor (`s1`), with which the anchors of its parts begin.
    id: String,
    result: &'a ScenarioResult,
    runs: Vec<RunView<'a>>,
}

/// A run with the context of its section.
#[derive(Debug)]
struct RunView<'a> {
    /// The anchor of its section: `s1-r2`.
    id: String,
    result: &'a RunResult,
    charts: Vec<Chart>,
    ladders: Markup,
    view: Markup,
}

impl<'a> ScenarioView<'a> {
    fn new(
        number: usize,
        result: &'a ScenarioResult,
        (ladders, views): (&Ladders, &Views),
    ) -> Self {
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
                view: views.section((number, index), &format!("{id}-r{}", index + 1)),
            })
            .collect();
        Self { id, result, runs }
    }

    /// Returns the anchor of a line of the scenario's text.
    fn line_id(&self, line: impl std::fmt::Display) -> String {
        format!("{}-L{line}", self.id)
    }
}
