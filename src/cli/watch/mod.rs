//! `nslab run --watch`: a view of the run in the terminal while it goes on. It shows what the run records, and takes no
//! samples of its own. A run in virtual time can be paused, taken in steps, and slowed down.
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
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{self, EnterAlternateScreen};
use ratatui::layout::{Rect, Size};
use ratatui::{DefaultTerminal, Frame, TerminalOptions, Viewport};
use tokio::sync::watch;

use super::output;
use crate::record::Timeline;
use crate::scenario::RunSpec;
use crate::suite::{PaceSetting, SuiteEvent};
use picture::WatchedRun;

/// Shortest time between two pictures: what a probe samples by default, and enough for the eye.
const REDRAW: Duration = Duration::from_millis(100);
/// Longest time until a key is read after the view has ended.
const KEY_WAIT: Duration = Duration::from_millis(100);

/// Steps of slow motion: real time per virtual time.
const SLOWNESS: [u32; 6] = [1, 2, 5, 10, 100, 1000];
/// The largest part of the terminal that is used, in cells.
const WIDEST: u16 = 1000;
const HIGHEST: u16 = 500;

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
    /// The pace of runs in virtual time.
    pace: watch::Sender<PaceSetting>,
    /// True if the run that is shown is in virtual time.
    is_virtual: AtomicBool,
    /// True if other runs are in progress beside the one that is shown.
    has_more: AtomicBool,
    /// The last picture, whose bottom line changes with the keys.
    picture: Mutex<Option<Buffer>>,
}

impl WatchView {
    /// Returns the reason why there can be no view, if there is one.
    pub(super) fn problem() -> Option<&'static str> {
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        (!is_terminal || output::is_dumb()).then_some(
            "--watch needs a terminal for its input and output, which is not a `dumb` one",
        )
    }

    /// Opens the view, whose keys change the pace.
    ///
    /// # Errors
    /// The terminal cannot be set up.
    pub(super) fn open(pace: watch::Sender<PaceSetting>) -> io::Result<Self> {
        let terminal = open_terminal()?;
        let shared = Arc::new(SharedScreen {
            terminal: Mutex::new(Some(terminal)),
            is_over: AtomicBool::new(false),
            turns: AtomicUsize::new(0),
            pace,
            is_virtual: AtomicBool::new(false),
            has_more: AtomicBool::new(false),
            picture: Mutex::new(None),
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
        *terminal = open_terminal().ok();
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
        let pace = *self.shared.pace.borrow();
        let is_slow = pace.paused || pace.slowness.is_some();
        let is_due = self.drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW);
        let is_due = is_due || is_slow && self.shared.is_virtual.load(Ordering::SeqCst);
        let Some(spec) = self.running.get(&key) else {
            return;
        };
        if self.shown != Some(key) || !is_due {
            return;
        }
        self.drawn = Some(Instant::now());
        let environment = timeline.environment.as_ref();
        let is_virtual = environment.is_some_and(|environment| environment.virtual_time);
        self.shared.is_virtual.store(is_virtual, Ordering::SeqCst);
        let has_more = self.running.len() > 1;
        self.shared.has_more.store(has_more, Ordering::SeqCst);
        let run = WatchedRun {
            spec,
            timeline,
            ended: self.ended,
            runs: self.runs,
            beside: self.running.len() - 1,
            pace: is_virtual.then_some(pace),
        };
        if let Some(terminal) = self.shared.lock().as_mut() {
            // If the terminal is gone, the run goes on.
            let _terminal_gone = draw(terminal, |frame| {
                picture::draw(frame, &run);
                let mut kept = self.shared.picture();
                *kept = Some(frame.buffer_mut().clone());
            });
        }
    }

    /// Returns the key of the run after another one.
    fn after(&self, shown: Option<usize>) -> Option<usize> {
        let mut keys = self.running.keys().copied();
        let next = keys.find(|key| shown.is_none_or(|shown| *key > shown));
        next.or_else(|| self.running.keys().next().copied())
    }
}

/// Opens the terminal with an area of a bounded size.
fn open_terminal() -> io::Result<DefaultTerminal> {
    let (width, height) = terminal::size()?;
    let viewport = Viewport::Fixed(bounded(Size::new(width, height)));
    let terminal = ratatui::try_init_with_options(TerminalOptions { viewport })?;
    execute!(io::stdout(), EnterAlternateScreen)?;
    Ok(terminal)
}

fn draw(terminal: &mut DefaultTerminal, show: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
    let area = bounded(terminal.size()?);
    if terminal.get_frame().area() != area {
        terminal.resize(area)?;
    }
    terminal.draw(show).map(drop)
}

/// Returns the part of the terminal that is used. Whatever sets its size may set any, and each cell takes memory.
fn bounded(size: Size) -> Rect {
    Rect::new(0, 0, size.width.min(WIDEST), size.height.min(HIGHEST))
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

    fn picture(&self) -> std::sync::MutexGuard<'_, Option<Buffer>> {
        self.picture.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the pace, and says so in the last picture: the next one may come only with a step. In real time, it only
    /// says that this cannot be done.
    fn set_pace(&self, change: impl FnOnce(&mut PaceSetting)) {
        let is_virtual = self.is_virtual.load(Ordering::SeqCst);
        if is_virtual {
            self.pace.send_modify(change);
        }
        let text = match is_virtual {
            true => picture::keys_of(*self.pace.borrow(), self.has_more.load(Ordering::SeqCst)),
            false => "this run is in real time and cannot be paused; use --kernel for virtual time"
                .to_owned(),
        };
        let mut terminal = self.lock();
        let picture = self.picture().clone();
        if let (Some(terminal), Some(picture)) = (terminal.as_mut(), picture) {
            // If the terminal is gone, the run goes on.
            let _terminal_gone = draw(terminal, |frame| picture::redraw(frame, &picture, &text));
        }
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
                        KeyCode::Char('q') | KeyCode::Esc => {
                            // Without the view, a paused run could not be resumed.
                            self.pace.send_modify(|pace| *pace = PaceSetting::default());
                            return self.leave();
                        }
                        KeyCode::Char(' ') => self.set_pace(|pace| pace.paused = !pace.paused),
                        KeyCode::Char('.') => self.set_pace(|pace| {
                            pace.steps += u64::from(pace.paused);
                            pace.paused = true;
                        }),
                        KeyCode::Char('-') => self.set_pace(|pace| {
                            let mut slower = SLOWNESS.iter().copied();
                            let next = slower.find(|slower| Some(*slower) > pace.slowness);
                            pace.slowness = next.or(pace.slowness);
                        }),
                        KeyCode::Char('+' | '=') => self.set_pace(|pace| {
                            let mut faster = SLOWNESS.iter().rev().copied();
                            pace.slowness = faster.find(|faster| Some(*faster) < pace.slowness);
                        }),
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
