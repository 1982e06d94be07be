//! A line every few seconds while runs are in progress and output goes to a file, so that a log shows that they run.

use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::output;

/// The interval between lines.
const INTERVAL: Duration = Duration::from_secs(10);
/// Characters of a line.
const WIDTH: usize = 80;

/// The runs in progress and the number of those that wait.
#[derive(Debug, Default)]
struct RunList {
    /// The label of each run, and the time on its clock.
    runs: BTreeMap<usize, (String, Duration)>,
    waiting: usize,
}

/// Keeps account of the runs, and if wanted, prints a line every few seconds until it is dropped.
#[derive(Debug)]
pub(super) struct Heartbeat {
    runs: Arc<Mutex<RunList>>,
    ended: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    /// Keeps account without printing.
    pub(super) fn silent() -> Self {
        Self {
            runs: Arc::default(),
            ended: None,
            thread: None,
        }
    }

    pub(super) fn printing() -> Self {
        let (ended, end) = channel();
        let mut account = Self::silent();
        let shared = Arc::clone(&account.runs);
        let began = Instant::now();
        let thread = std::thread::spawn(move || {
            while end.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                let runs = shared.lock().unwrap_or_else(PoisonError::into_inner);
                let line = line(&runs, began.elapsed());
                drop(runs);
                output::err(&line);
            }
        });
        account.ended = Some(ended);
        account.thread = Some(thread);
        account
    }

    /// Returns the labels of the runs in progress, separated by semicolons.
    pub(super) fn labels(&self) -> String {
        let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let labels = runs.runs.values().map(|(label, _)| label.as_str());
        labels.collect::<Vec<_>>().join("; ")
    }

    fn change(&self, change: impl FnOnce(&mut RunList)) {
        change(&mut self.runs.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn expect(&self, runs: usize) {
        self.change(|state| state.waiting += runs);
    }

    pub(super) fn started(&self, key: usize, label: String) {
        self.change(|state| {
            state.waiting = state.waiting.saturating_sub(1);
            state.runs.insert(key, (label, Duration::ZERO));
        });
    }

    pub(super) fn progressed(&self, key: usize, clock: Duration) {
        self.change(|state| {
            if let Some((_, at)) = state.runs.get_mut(&key) {
                *at = clock;
            }
        });
    }

    pub(super) fn ended(&self, key: usize, again: bool) {
        self.change(|state| {
            state.runs.remove(&key);
            state.waiting += usize::from(again);
        });
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        drop(self.ended.take());
        if let Some(thread) = self.thread.take() {
            let _it_only_prints = thread.join();
        }
    }
}

/// `30 s: 2 in progress (ports/default at 12 s, ports/reuse at 3 s), 5 waiting`.
fn line(state: &RunList, since: Duration) -> String {
    let end = match state.waiting {
        0 => String::new(),
        waiting => format!(", {waiting} waiting"),
    };
    let mut line = format!("{} s: {} in progress", since.as_secs(), state.runs.len());
    let mut open = " (";
    let mut left_out = false;
    for (label, clock) in state.runs.values() {
        let run = match clock.as_secs() {
            0 => format!("{open}{label} starting"),
            seconds => format!("{open}{label} at {seconds} s"),
        };
        if line.chars().count() + run.chars().count() + end.len() + ", ...)".len() > WIDTH {
            left_out = true;
            break;
        }
        line += &run;
        open = ", ";
    }
    line += match (open, left_out) {
        (" (", _) => "",
        (_, true) => ", ...)",
        (_, false) => ")",
    };
    format!("{line}{end}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits_the_terminal_and_counts_all_runs() {
        let run = |key: usize| {
            (
                key,
                (format!("exhaustion/variant-{key}"), Duration::from_secs(3)),
            )
        };
        let few = RunList {
            runs: [run(1)].into(),
            waiting: 2,
        };
        assert_eq!(
            line(&few, Duration::from_secs(20)),
            "20 s: 1 in progress (exhaustion/variant-1 at 3 s), 2 waiting\n"
        );
        let many = RunList {
            runs: (0..50).map(run).collect(),
            waiting: 1000,
        };
        let line = line(&many, Duration::from_secs(20));
        assert!(line.trim_end().chars().count() <= WIDTH, "{line}");
        assert!(
            line.starts_with("20 s: 50 in progress (") && line.ends_with(", ...), 1000 waiting\n"),
            "{line}"
        );
    }
}
