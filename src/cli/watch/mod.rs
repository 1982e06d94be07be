//! `nslab run --watch`: a view of the run in the terminal while it goes on. It shows what the run records, and takes no
//! samples of its own.
//!
//! The view has the alternate screen. It goes when the run ends, at `q`, on a signal, and on a panic (ratatui's hook).

mod picture;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};

use super::output;
use crate::record::Timeline;
use crate::scenario::RunSpec;
use crate::suite::SuiteEvent;
use picture::WatchedRun;

/// Shortest time between two pictures: what a probe samples by default, and enough for the eye.
const REDRAW: Duration = Duration::from_millis(100);
/// Longest time until a key is read after the view has ended.
const KEY_WAIT: Duration = Duration::from_millis(100);

/// The view.
#[derive(Debug)]
pub(super) struct WatchView {
    shared: Arc<SharedScreen>,
    keys: Option<JoinHandle<()>>,
    running: BTreeMap<usize, RunSpec>,
    shown: Option<usize>,
    drawn: Option<Instant>,
    ended: usize,
    runs: usize,
}

/// The terminal and the wishes of the user.
#[derive(Debug)]
struct SharedScreen {
    /// Absent once the view has been left.
    terminal: Mutex<Option<DefaultTerminal>>,
    is_over: AtomicBool,
    /// The number of times that the next run was asked for.
    turns: AtomicUsize,
}

impl WatchView {
    /// Returns the reason why there can be no view, if there is one.
    pub(super) fn problem() -> Option<&'static str> {
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        (!is_terminal || output::is_dumb()).then_some(
            "--watch needs a terminal for its input and output, which is not a `dumb` one",
        )
    }

    /// Opens the view.
    ///
    /// # Errors
    /// The terminal cannot be set up.
    pub(super) fn open() -> io::Result<Self> {
        let terminal = ratatui::try_init()?;
        let shared = Arc::new(SharedScreen {
            terminal: Mutex::new(Some(terminal)),
            is_over: AtomicBool::new(false),
            turns: AtomicUsize::new(0),
        });
        let of_keys = Arc::clone(&shared);
        let keys = std::thread::Builder::new()
            .name("keys".to_owned())
            .spawn(move || of_keys.read_keys())
            .inspect_err(|_| shared.leave())?;
        Ok(Self {
            shared,
            keys: Some(keys),
            running: BTreeMap::new(),
            shown: None,
            drawn: None,
            ended: 0,
            runs: 0,
        })
    }

    /// Prints other text above the view.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        let mut terminal = self.shared.lock();
        if terminal.take().is_none() {
            return print();
        }
        ratatui::restore();
        print();
        if self.running.is_empty() && self.ended == self.runs {
            return;
        }
        // Without a terminal to return to, the run goes on without the view.
        *terminal = ratatui::try_init().ok();
    }

    pub(super) fn show(&mut self, event: &SuiteEvent<'_>) {
        match event {
            SuiteEvent::Started { runs, .. } => self.runs = *runs,
            SuiteEvent::RunStarted { key, spec } => {
                self.running.insert(*key, (*spec).clone());
            }
            SuiteEvent::RunProgressed { key, timeline } => self.progressed(*key, timeline),
            SuiteEvent::RunRetried { key, .. } => {
                self.running.remove(key);
            }
            SuiteEvent::RunEnded { key, .. } => {
                self.running.remove(key);
                self.ended += 1;
            }
            SuiteEvent::MachineShared { .. }
            | SuiteEvent::ScenarioEnded(_)
            | SuiteEvent::Ended(_) => {}
        }
    }

    fn progressed(&mut self, key: usize, timeline: &Timeline) {
        for _ in 0..self.shared.turns.swap(0, Ordering::SeqCst) {
            self.shown = self.after(self.shown);
        }
        if self
            .shown
            .is_none_or(|shown| !self.running.contains_key(&shown))
        {
            self.shown = Some(key);
        }
        let is_due = self.drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW);
        let Some(spec) = self.running.get(&key) else {
            return;
        };
        if self.shown != Some(key) || !is_due {
            return;
        }
        self.drawn = Some(Instant::now());
        let run = WatchedRun {
            spec,
            timeline,
            ended: self.ended,
            runs: self.runs,
            beside: self.running.len() - 1,
        };
        if let Some(terminal) = self.shared.lock().as_mut() {
            // If the terminal is gone, the run goes on.
            let _terminal_gone = terminal.draw(|frame| picture::draw(frame, &run));
        }
    }

    /// Returns the key of the run after another one.
    fn after(&self, shown: Option<usize>) -> Option<usize> {
        let mut keys = self.running.keys().copied();
        let next = keys.find(|key| shown.is_none_or(|shown| *key > shown));
        next.or_else(|| self.running.keys().next().copied())
    }
}

impl Drop for WatchView {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // It must not take what is typed after the view.
        if let Some(keys) = self.keys.take() {
            let _panicked = keys.join();
        }
        self.shared.leave();
    }
}

impl SharedScreen {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<DefaultTerminal>> {
        self.terminal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the terminal back, if that was not done before.
    fn leave(&self) {
        if self.lock().take().is_some() {
            ratatui::restore();
        }
    }

    fn read_keys(&self) {
        while !self.is_over.load(Ordering::SeqCst) {
            match event::poll(KEY_WAIT).and_then(|is_there| is_there.then(event::read).transpose())
            {
                Ok(None) => {}
                Ok(Some(Event::Key(key))) if key.kind == KeyEventKind::Press => {
                    let with_control = key.modifiers.contains(KeyModifiers::CONTROL);
                    match key.code {
                        // In raw mode, the terminal does not send the signal.
                        KeyCode::Char('c') if with_control => {
                            let _own_process = kill(Pid::this(), Signal::SIGINT);
                        }
                        KeyCode::Char('q') | KeyCode::Esc => return self.leave(),
                        KeyCode::Tab => {
                            self.turns.fetch_add(1, Ordering::SeqCst);
                        }
                        _ => {}
                    }
                }
                // The next picture has the new size.
                Ok(Some(_)) => {}
                Err(_) => return self.leave(),
            }
        }
    }
}
