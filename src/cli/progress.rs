//! Live progress: a line per run with its clock and the metrics of its expectations. On a pipe, a plain
//! line when a run starts and when it ends, and one now and then in between.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::heartbeat::Heartbeat;
use super::output;
use super::runtime::is_status_wanted;
use super::watch::WatchView;
use crate::names::SeriesName;
use crate::record::Timeline;
use crate::suite::{SuiteEvent, cost_of_nodes};

/// Shortest time between two updates of a line.
const REDRAW: Duration = Duration::from_millis(100);
/// Columns of a line before its label and after it.
const SPINNER: usize = 4;
/// Maximum number of metrics per line.
const METRICS: usize = 5;

/// The longest time without output even if no progress is wanted, so that the log of a long run shows that it still
/// runs.
const HEARTBEAT: Duration = Duration::from_secs(60);

/// Live progress on standard error.
#[derive(Debug)]
pub(super) struct Progress {
    display: Display,
    runs: Heartbeat,
    ended: usize,
    last_output: Instant,
}

#[derive(Debug)]
enum Display {
    Silent,
    Watch(Box<WatchView>),
    Plain,
    Live {
        bars: MultiProgress,
        lines: BTreeMap<usize, LiveLine>,
    },
}

#[derive(Debug)]
struct LiveLine {
    bar: ProgressBar,
    label: String,
    metrics: Vec<SeriesName>,
    drawn: Instant,
}

impl Progress {
    /// Shows live lines on a terminal, plain lines elsewhere, and nothing if it is not wanted.
    pub(super) fn new(wanted: bool) -> Self {
        let display = match (
            wanted,
            std::io::stderr().is_terminal() && !output::is_dumb(),
        ) {
            (false, _) => Display::Silent,
            (true, true) => Display::Live {
                bars: MultiProgress::new(),
                lines: BTreeMap::new(),
            },
            (true, false) => Display::Plain,
        };
        let runs = match &display {
            Display::Plain => Heartbeat::printing(),
            Display::Silent | Display::Watch(_) | Display::Live { .. } => Heartbeat::silent(),
        };
        Self {
            display,
            runs,
            ended: 0,
            last_output: Instant::now(),
        }
    }

    /// Shows the runs in a view that has the whole terminal.
    pub(super) fn watch(view: WatchView) -> Self {
        Self {
            display: Display::Watch(Box::new(view)),
            ..Self::new(false)
        }
    }

    /// Prints other text without breaking the live lines.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        match &self.display {
            Display::Live { bars, .. } => bars.suspend(print),
            Display::Watch(view) => view.aside(print),
            Display::Silent | Display::Plain => print(),
        }
    }

    pub(super) fn show(&mut self, event: &SuiteEvent<'_>) {
        self.follow(event);
        match &mut self.display {
            Display::Silent => {}
            Display::Watch(view) => view.show(event),
            Display::Plain => plain(event),
            Display::Live { bars, lines } => live(bars, lines, event),
        }
    }

    /// Keeps account of the runs. Prints those in progress after SIGUSR1, and once a minute if no progress is wanted.
    fn follow(&mut self, event: &SuiteEvent<'_>) {
        match event {
            SuiteEvent::Started { runs, .. } => self.runs.expect(*runs),
            SuiteEvent::RunStarted { key, spec } => self.runs.started(*key, spec.id.to_string()),
            SuiteEvent::RunRetried { key, .. } => self.runs.ended(*key, true),
            SuiteEvent::RunEnded { key, .. } => {
                self.runs.ended(*key, false);
                self.ended += 1;
            }
            SuiteEvent::ScenarioEnded(_) => self.last_output = Instant::now(),
            SuiteEvent::RunProgressed { key, timeline } => {
                self.runs.progressed(*key, timeline.now.as_duration());
                let is_silent = matches!(self.display, Display::Silent);
                let is_late = is_silent && self.last_output.elapsed() >= HEARTBEAT;
                if is_status_wanted() || is_late {
                    self.last_output = Instant::now();
                    let text = format!("running: {} ({} ended)\n", self.runs.labels(), self.ended);
                    self.aside(|| output::err(&text));
                }
            }
            SuiteEvent::MachineShared { .. } | SuiteEvent::Ended(_) => {}
        }
    }
}

fn plain(event: &SuiteEvent<'_>) {
    match event {
        SuiteEvent::RunStarted { spec, .. } => {
            let cost = cost_of_nodes(spec).map_or(String::new(), |cost| format!(": {cost}"));
            output::err(&format!("started {}{cost}\n", spec.id));
        }
        SuiteEvent::RunRetried { result, alone, .. } => {
            let label = &result.spec.id;
            let outcome = result.verdict.outcome;
            let how = if *alone {
                "will be retried alone"
            } else {
                "will be retried"
            };
            output::err(&format!("ended {label}: {outcome}, {how}\n"));
        }
        SuiteEvent::RunEnded { result, .. } => {
            let label = &result.spec.id;
            let (outcome, took) = (result.verdict.outcome, result.took.as_secs_f64());
            output::err(&format!("ended {label}: {outcome} after {took:.1} s\n"));
        }
        SuiteEvent::MachineShared { suites } => output::err(&format!("{}\n", shared(*suites))),
        SuiteEvent::Started { .. }
        | SuiteEvent::RunProgressed { .. }
        | SuiteEvent::ScenarioEnded(_)
        | SuiteEvent::Ended(_) => {}
    }
}

fn live(bars: &MultiProgress, lines: &mut BTreeMap<usize, LiveLine>, event: &SuiteEvent<'_>) {
    match event {
        SuiteEvent::RunStarted { key, spec } => {
            let bar = bars.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(REDRAW);
            let label = spec.id.to_string();
            let cost = cost_of_nodes(spec).map_or(String::new(), |cost| format!(": {cost}"));
            bar.set_message(format!("{label}  building{cost}"));
            lines.insert(
                *key,
                LiveLine {
                    bar,
                    label,
                    metrics: spec.watched.iter().take(METRICS).cloned().collect(),
                    drawn: Instant::now(),
                },
            );
        }
        SuiteEvent::RunProgressed { key, timeline } => {
            if let Some(line) = lines
                .get_mut(key)
                .filter(|line| line.drawn.elapsed() >= REDRAW)
            {
                line.drawn = Instant::now();
                let state = state(&line.label, timeline, &line.metrics);
                line.bar.set_message(format!("{}  {state}", line.label));
            }
        }
        SuiteEvent::RunEnded { key, .. } | SuiteEvent::RunRetried { key, .. } => {
            if let Some(line) = lines.remove(key) {
                line.bar.finish_and_clear();
            }
        }
        SuiteEvent::MachineShared { suites } => {
            // A failure to print here does not matter: nothing depends on it.
            let _terminal_gone = bars.println(shared(*suites));
        }
        SuiteEvent::Started { .. } | SuiteEvent::ScenarioEnded(_) | SuiteEvent::Ended(_) => {}
    }
}

/// Says that this suite uses only its share of the processors, or all of them again.
fn shared(suites: usize) -> String {
    match suites {
        0 | 1 => "no other suite runs on this machine any more".to_owned(),
        2 => "another suite runs on this machine: each uses half of its processors".to_owned(),
        more => format!(
            "{} other suites run on this machine: each uses its share",
            more - 1
        ),
    }
}

/// Returns the run's clock and as many of its metrics as fit.
fn state(label: &str, timeline: &Timeline, metrics: &[SeriesName]) -> String {
    let width = output::style_for(&std::io::stderr()).width.unwrap_or(80);
    let room = usize::from(width).saturating_sub(label.chars().count() + SPINNER);
    let mut text = format!("{:.1}s", timeline.now.as_secs_f64());
    for name in metrics {
        if let Some(value) = timeline
            .series(name.as_str())
            .and_then(crate::record::Series::last)
        {
            let metric = format!("  {name} {value}");
            if text.len() + metric.len() > room {
                break;
            }
            text += &metric;
        }
    }
    text
}
