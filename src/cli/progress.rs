//! What a person sees while runs go on: a line a run with its clock and the metrics that its expectations name.
//! On a pipe: a plain line when a run starts and when it ends.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::output;
use crate::names::SeriesName;
use crate::record::Timeline;
use crate::suite::SuiteEvent;

/// How often a line is drawn again at most.
const REDRAW: Duration = Duration::from_millis(100);
/// Metrics that a line has room for.
const METRICS: usize = 5;

/// Live progress on standard error.
#[derive(Debug)]
pub(super) struct Progress {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Silent,
    Plain(BTreeMap<usize, String>),
    Live {
        bars: MultiProgress,
        lines: BTreeMap<usize, Line>,
    },
}

#[derive(Debug)]
struct Line {
    bar: ProgressBar,
    label: String,
    metrics: Vec<SeriesName>,
    drawn: std::time::Instant,
}

impl Progress {
    /// Live on a terminal, plain lines elsewhere, nothing where it is not wanted.
    pub(super) fn new(wanted: bool) -> Self {
        let kind = match (
            wanted,
            std::io::stderr().is_terminal() && !output::is_dumb(),
        ) {
            (false, _) => Kind::Silent,
            (true, true) => Kind::Live {
                bars: MultiProgress::new(),
                lines: BTreeMap::new(),
            },
            (true, false) => Kind::Plain(BTreeMap::new()),
        };
        Self { kind }
    }

    /// Prints something else without breaking the lines.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        match &self.kind {
            Kind::Live { bars, .. } => bars.suspend(print),
            Kind::Silent | Kind::Plain(_) => print(),
        }
    }

    /// Shows what happened.
    pub(super) fn show(&mut self, event: &SuiteEvent<'_>) {
        match &mut self.kind {
            Kind::Silent => {}
            Kind::Plain(labels) => plain(labels, event),
            Kind::Live { bars, lines } => live(bars, lines, event),
        }
    }
}

fn plain(labels: &mut BTreeMap<usize, String>, event: &SuiteEvent<'_>) {
    match event {
        SuiteEvent::RunStarted { key, spec } => {
            output::err(&format!("started {}\n", spec.id));
            labels.insert(*key, spec.id.to_string());
        }
        SuiteEvent::RunRetried { key, result, alone } => {
            let label = labels.remove(key).unwrap_or_default();
            let outcome = result.verdict.outcome;
            let how = if *alone {
                "to be tried again alone"
            } else {
                "to be tried again"
            };
            output::err(&format!("ended {label}: {outcome}, {how}\n"));
        }
        SuiteEvent::RunEnded { key, result } => {
            // One that was to be tried again and is not has no line any more.
            labels.remove(key);
            let label = &result.spec.id;
            let (outcome, took) = (result.verdict.outcome, result.took.as_secs_f64());
            output::err(&format!("ended {label}: {outcome} after {took:.1} s\n"));
        }
        SuiteEvent::Started { .. }
        | SuiteEvent::RunProgressed { .. }
        | SuiteEvent::ScenarioEnded(_)
        | SuiteEvent::Ended(_) => {}
    }
}

fn live(bars: &MultiProgress, lines: &mut BTreeMap<usize, Line>, event: &SuiteEvent<'_>) {
    match event {
        SuiteEvent::RunStarted { key, spec } => {
            let bar = bars.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(REDRAW);
            let label = spec.id.to_string();
            bar.set_message(format!("{label}  building"));
            lines.insert(
                *key,
                Line {
                    bar,
                    label,
                    metrics: spec.watched.iter().take(METRICS).cloned().collect(),
                    drawn: std::time::Instant::now(),
                },
            );
        }
        SuiteEvent::RunProgressed { key, timeline } => {
            if let Some(line) = lines
                .get_mut(key)
                .filter(|line| line.drawn.elapsed() >= REDRAW)
            {
                line.drawn = std::time::Instant::now();
                line.bar.set_message(format!(
                    "{}  {}",
                    line.label,
                    state(timeline, &line.metrics)
                ));
            }
        }
        SuiteEvent::RunEnded { key, .. } | SuiteEvent::RunRetried { key, .. } => {
            if let Some(line) = lines.remove(key) {
                line.bar.finish_and_clear();
            }
        }
        SuiteEvent::Started { .. } | SuiteEvent::ScenarioEnded(_) | SuiteEvent::Ended(_) => {}
    }
}

fn state(timeline: &Timeline, metrics: &[SeriesName]) -> String {
    let mut text = format!("{:.1}s", timeline.now.as_secs_f64());
    for name in metrics {
        if let Some(value) = timeline
            .series(name.as_str())
            .and_then(crate::record::Series::last)
        {
            text += &format!("  {name} {value}");
        }
    }
    text
}
