//! Cancels a run from another thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A flag that any thread may set; clones share it. The run then ends early but cleanly, and keeps everything recorded
/// so far.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<CancelState>);

#[derive(Debug, Default)]
struct CancelState {
    cancelled: AtomicBool,
    waiting: Mutex<()>,
    changed: Condvar,
}

impl CancelToken {
    /// The longest wait; longer ones may overflow the clock.
    const LONGEST: Duration = Duration::from_secs(3_600);

    /// Requests that the run end early.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// Returns true once [`Self::cancel`] has been called.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Relaxed)
    }

    /// Wakes a thread in [`Self::wait`], which checks its condition again.
    pub(super) fn wake(&self) {
        // With the lock, a thread that has just checked its condition is not missed.
        let waiting = self.0.waiting.lock();
        drop(waiting.unwrap_or_else(PoisonError::into_inner));
        self.0.changed.notify_all();
    }

    /// Waits until the time has passed, the run is cancelled, or the condition holds; whatever changes the condition
    /// must call [`Self::wake`]. May return early.
    pub(super) fn wait(&self, time: Duration, is_over: impl Fn() -> bool) {
        let waiting = self.0.waiting.lock();
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let goes_on = |(): &mut ()| !self.is_cancelled() && !is_over();
        let time = time.min(Self::LONGEST);
        let waited = self.0.changed.wait_timeout_while(waiting, time, goes_on);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_wait_ends_when_the_run_is_cancelled_or_its_condition_holds() {
        let long = Duration::from_secs(60);
        let began = Instant::now();
        let token = CancelToken::default();
        let is_over = Arc::new(AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                is_over.store(true, Ordering::Relaxed);
                token.wake();
            });
            token.wait(long, || is_over.load(Ordering::Relaxed));
            scope.spawn(|| token.cancel());
            token.wait(long, || false);
        });
        assert!(token.is_cancelled());
        assert!(began.elapsed() < long);
    }
}
