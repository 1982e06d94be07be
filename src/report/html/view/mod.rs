//! The view of a run at any moment: its packets, sockets, queues and counters under one cursor.
//!
//! The data of a run (`run_data`) is compressed and part of the page; the scripts in `script` show it. Topology and
//! charts are those of the report. Texts of a record reach the page only through `textContent`.

mod columns;
mod connection_data;
mod explanation;
mod page;
mod run_data;
mod series_data;
mod tracked_data;
mod window_data;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use maud::{Markup, PreEscaped, html};

use crate::record::{Capture, Outcome};
use crate::suite::{RunResult, SuiteResult};
pub use page::render_view;

/// The parts of the script, in the order in which they use each other; each is a list of declarations.
const PARTS: [&str; 15] = [
    include_str!("script/elements.js"),
    include_str!("script/recording.js"),
    include_str!("script/stops.js"),
    include_str!("script/cursor.js"),
    include_str!("script/flight.js"),
    include_str!("script/connections.js"),
    include_str!("script/ladder.js"),
    include_str!("script/windows.js"),
    include_str!("script/sockets.js"),
    include_str!("script/tracking.js"),
    include_str!("script/levels.js"),
    include_str!("script/why.js"),
    include_str!("script/pane.js"),
    include_str!("script/controls.js"),
    include_str!("script/machine.js"),
];
pub(super) const STYLE: &str = include_str!("view.css");

/// Maximum size of the data of all views in a report, in bytes.
const HEAVIEST: usize = 3_000_000;

/// Returns the script of every view on a page.
pub(super) fn script() -> String {
    format!("\"use strict\";\n(() => {{\n{}}})();\n", PARTS.join("\n"))
}

/// The views of a page, by the indices of scenario and run.
#[derive(Debug, Clone, Default)]
pub struct Views {
    runs: BTreeMap<(usize, usize), EmbeddedView>,
}

#[derive(Debug, Clone)]
enum EmbeddedView {
    /// Compressed data in base64.
    Data(String),
    Sentence(String),
}

impl Views {
    /// Prepares the view of every run with a capture or a trace. Runs that did not pass come first if there is not
    /// room for all.
    pub fn of_traced(
        result: &SuiteResult,
        open: impl FnMut(&Path) -> Result<Capture, String>,
    ) -> Self {
        let has_events = |run: &RunResult| {
            matches!(&run.capture, Ok(Some(_)))
                || !run.timeline.traced.is_empty()
                || !run.timeline.tracked.is_empty()
        };
        Self::of(result, has_events, HEAVIEST, open)
    }

    /// Prepares the view of every run.
    pub fn of_all(
        result: &SuiteResult,
        open: impl FnMut(&Path) -> Result<Capture, String>,
    ) -> Self {
        Self::of(result, |_| true, usize::MAX, open)
    }

    fn of(
        result: &SuiteResult,
        wanted: impl Fn(&RunResult) -> bool,
        mut room: usize,
        mut open: impl FnMut(&Path) -> Result<Capture, String>,
    ) -> Self {
        let scenarios = result.scenarios.iter().enumerate();
        let runs = scenarios.flat_map(|(scenario, each)| {
            let runs = each.runs.iter().enumerate();
            runs.map(move |(run, each)| ((scenario, run), each))
        });
        let mut runs: Vec<_> = runs.filter(|(_, run)| wanted(run)).collect();
        runs.sort_by_key(|(_, run)| run.verdict.outcome <= Outcome::NotApplicable);
        let views = runs.into_iter().map(|(place, run)| {
            let path = run.capture.as_ref().ok().and_then(Option::as_deref);
            let capture = path.map(&mut open).transpose();
            let data = compressed(&run_data::run_data(run, capture));
            let view = match room.checked_sub(data.len()) {
                Some(left) => {
                    room = left;
                    EmbeddedView::Data(data)
                }
                None => EmbeddedView::Sentence(left_out(run)),
            };
            (place, view)
        });
        Self {
            runs: views.collect(),
        }
    }

    /// Returns true if any run has a view, which needs the script.
    pub(super) fn any(&self) -> bool {
        self.runs
            .values()
            .any(|view| matches!(view, EmbeddedView::Data(_)))
    }

    /// Renders the place of a run's view in a report. The script fills it.
    pub(super) fn section(&self, place: (usize, usize), id: &str) -> Markup {
        html! {
            @match self.runs.get(&place) {
                None => {},
                Some(EmbeddedView::Sentence(text)) => p class="faint" { (text) },
                Some(EmbeddedView::Data(_)) => {
                    details class="machine" data-for=(id) {
                        summary { "Look at any moment" }
                        (self.data(place, id))
                    }
                }
            }
        }
    }

    /// Renders the data of a run, which nothing shows by itself.
    fn data(&self, place: (usize, usize), id: &str) -> Markup {
        html! {
            @if let Some(EmbeddedView::Data(data)) = self.runs.get(&place) {
                script type="text/plain" class="view-data" data-run=(id) { (PreEscaped(data)) }
            }
        }
    }
}

fn left_out(run: &RunResult) -> String {
    let record = match &run.record {
        Ok(Some(path)) => path.display().to_string(),
        Ok(None) | Err(_) => "RECORD".to_owned(),
    };
    format!(
        "The view of each moment is left out to keep this page small; open it with `nslab view {record}`."
    )
}

/// Compresses data as the browser's `DecompressionStream("deflate")` reads it (RFC 1950), in base64.
fn compressed(data: &serde_json::Value) -> String {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let _infallible = encoder.write_all(data.to_string().as_bytes());
    STANDARD.encode(encoder.finish().unwrap_or_default())
}
