//! Keeping the lab of a run after the run has ended.

use std::time::Duration;

use tokio::sync::watch;

/// A request to keep the lab of each run until it is released or the time is up.
#[derive(Debug, Clone)]
pub struct Hold {
    /// The longest time to keep a lab; without limit if absent.
    pub at_most: Option<Duration>,
    release: watch::Receiver<bool>,
}

impl Hold {
    /// Creates a request, and the sender that releases all labs when it sends `true`.
    pub fn new(at_most: Option<Duration>) -> (Self, watch::Sender<bool>) {
        let (sender, release) = watch::channel(false);
        (Self { at_most, release }, sender)
    }

    /// Waits for the release; forever if nobody can send it any more.
    pub(super) async fn released(&mut self) {
        if self.release.wait_for(|released| *released).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
