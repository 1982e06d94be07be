//! The end of the measurements: when the user interrupts them, or the time of `--for` is over.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::AbortHandle;

/// The longest time, in place of one that the clock cannot hold.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// The end of the measurements. Runs in progress are ended when it comes.
#[derive(Debug)]
pub(super) struct Deadline {
    at: Instant,
    stop: watch::Receiver<bool>,
    timer: AbortHandle,
}

impl Deadline {
    /// Ends the measurements when `stop` becomes true, or after `budget`.
    pub(super) fn new(budget: Duration, stop: watch::Receiver<bool>) -> Self {
        let now = Instant::now();
        let end = now.checked_add(budget).unwrap_or(now + LONGEST);
        let (sender, either) = watch::channel(*stop.borrow());
        let mut interrupted = stop;
        let timer = tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep_until(end.into()) => {}
                stopped = async { interrupted.wait_for(|stop| *stop).await.is_ok() } => {
                    // The sender is gone, so nobody can interrupt any more.
                    if !stopped {
                        tokio::time::sleep_until(end.into()).await;
                    }
                }
            }
            let _nobody_waits = sender.send(true);
        });
        Self {
            at: end,
            stop: either,
            timer: timer.abort_handle(),
        }
    }

    /// Returns the time after which no run starts.
    pub(super) fn at(&self) -> Instant {
        self.at
    }

    /// Returns a receiver that becomes true at the end.
    pub(super) fn stop(&self) -> watch::Receiver<bool> {
        self.stop.clone()
    }

    /// Returns true if the time is over.
    pub(super) fn has_passed(&self) -> bool {
        Instant::now() >= self.at
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.timer.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_comes_with_the_time_or_with_the_interruption() {
        let (_user, stop) = watch::channel(false);
        let deadline = Deadline::new(Duration::from_millis(1), stop);
        let mut ended = deadline.stop();
        ended.wait_for(|ended| *ended).await.unwrap();

        let (user, stop) = watch::channel(false);
        let deadline = Deadline::new(Duration::MAX, stop);
        user.send(true).unwrap();
        let mut ended = deadline.stop();
        ended.wait_for(|ended| *ended).await.unwrap();
        assert!(!deadline.has_passed());
        // A receiver that is created after the end sees it too.
        assert!(*deadline.stop().borrow());
    }

    #[tokio::test]
    async fn the_time_still_counts_if_nobody_can_interrupt_any_more() {
        let (user, stop) = watch::channel(false);
        let deadline = Deadline::new(Duration::from_millis(1), stop);
        drop(user);
        let mut ended = deadline.stop();
        ended.wait_for(|ended| *ended).await.unwrap();
    }
}
