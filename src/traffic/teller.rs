//! The thread that tells what counts have been waiting to be told.
//!
//! It sleeps until an actor rings, so an idle run costs nothing.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::tally::{COALESCE, Tally};

/// Wakes the teller.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    rung: bool,
    ended: bool,
}

impl Bell {
    /// Says that something waits to be told.
    pub(crate) fn ring(&self) {
        self.change(|state| !std::mem::replace(&mut state.rung, true));
    }

    fn end(&self) {
        self.change(|state| !std::mem::replace(&mut state.ended, true));
    }

    fn change(&self, change: impl FnOnce(&mut State) -> bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if change(&mut state) {
            self.changed.notify_one();
        }
    }

    /// Waits for a ring and then for a while; false at the end.
    fn wait(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let rung = self
            .changed
            .wait_while(state, |state| !state.rung && !state.ended);
        let rung = rung.unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .changed
            .wait_timeout_while(rung, COALESCE, |state| !state.ended);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.rung = false;
        !state.ended
    }
}

/// The running thread; ended and joined when dropped.
#[derive(Debug)]
pub(crate) struct Teller {
    bell: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

impl Teller {
    /// Starts it for these actors.
    ///
    /// # Errors
    /// Where the thread cannot be created.
    pub(crate) fn start(bell: &Arc<Bell>, tallies: Vec<Arc<Tally>>) -> io::Result<Self> {
        let inside = Arc::clone(bell);
        let thread = std::thread::Builder::new()
            .name("teller".to_owned())
            .spawn(move || {
                while inside.wait() {
                    for tally in &tallies {
                        if tally.flush(tally.now()) {
                            inside.ring();
                        }
                    }
                }
            })?;
        Ok(Self {
            bell: Arc::clone(bell),
            thread: Some(thread),
        })
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.bell.end();
        let _panicked = self.thread.take().map(JoinHandle::join);
    }
}
