//! A line now and then while runs are in progress and output goes to a file, so that a wait and a hang differ.

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

/// The runs in progress.
#[derive(Debug, Default)]
struct State {
    /// The label of each run, and the time on its clock.
    runs: BTreeMap<usize, (String, Duration)>,
    waiting: usize,
}

/// Prints a line now and then until it is dropped.
#[derive(Debug)]
pub(super) struct Heartbeat {
    state: Arc<Mutex<State>>,
    ended: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    pub(super) fn start() -> Self {
        let (ended, end) = channel();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let began = Instant::now();
        let thread = std::thread::spawn(move || {
            while end.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                let state = shared.lock().unwrap_or_else(PoisonError::into_inner);
                let line = line(&state, began.elapsed());
                drop(state);
                output::err(&line);
            }
        });
        Self {
            state,
            ended: Some(ended),
            thread: Some(thread),
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
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
fn line(state: &State, since: Duration) -> String {
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
        let few = State {
            runs: [run(1)].into(),
            waiting: 2,
        };
        assert_eq!(
            line(&few, Duration::from_secs(20)),
            "20 s: 1 in progress (exhaustion/variant-1 at 3 s), 2 waiting\n"
        );
        let many = State {
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
