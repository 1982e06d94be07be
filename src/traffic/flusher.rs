//! The thread that writes counts to the record when their actor has not done so itself.
//!
//! It sleeps until an actor wakes it, so an idle run costs nothing.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::actor_metrics::{ActorMetrics, COALESCE};
use crate::sys::sched;

/// A handle that wakes the [`Flusher`].
#[derive(Debug, Default)]
pub(crate) struct Wakeup {
    state: Mutex<WakeupState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct WakeupState {
    requested: bool,
    ended: bool,
}

impl Wakeup {
    /// Wakes the flusher, because something waits to be recorded.
    pub(crate) fn wake(&self) {
        self.change(|state| !std::mem::replace(&mut state.requested, true));
    }

    fn end(&self) {
        self.change(|state| !std::mem::replace(&mut state.ended, true));
    }

    fn change(&self, change: impl FnOnce(&mut WakeupState) -> bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if change(&mut state) {
            self.changed.notify_one();
        }
    }

    /// Waits to be woken, and then for [`COALESCE`]. Returns false at the end.
    fn wait(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let requested = self
            .changed
            .wait_while(state, |state| !state.requested && !state.ended);
        let requested = requested.unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .changed
            .wait_timeout_while(requested, COALESCE, |state| !state.ended);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.requested = false;
        !state.ended
    }
}

/// The running thread. It is ended and joined when this is dropped.
#[derive(Debug)]
pub(crate) struct Flusher {
    wakeup: Arc<Wakeup>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    /// Starts the thread for these actors.
    ///
    /// # Errors
    /// If the thread cannot be created.
    pub(crate) fn start(wakeup: &Arc<Wakeup>, metrics: Vec<Arc<ActorMetrics>>) -> io::Result<Self> {
        let inside = Arc::clone(wakeup);
        let thread = std::thread::Builder::new()
            .name("flusher".to_owned())
            .spawn(move || {
                // A thread that starts connections on schedule waits for this one while it holds a lock of theirs.
                let _ordinary_where_not_permitted = sched::run_before_others();
                while inside.wait() {
                    for metrics in &metrics {
                        if metrics.flush(metrics.now()) {
                            inside.wake();
                        }
                    }
                }
            })?;
        Ok(Self {
            wakeup: Arc::clone(wakeup),
            thread: Some(thread),
        })
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.wakeup.end();
        let _panicked = self.thread.take().map(JoinHandle::join);
    }
}
