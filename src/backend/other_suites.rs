//! Other suites on this machine. They share its processors, and an exclusive run waits for their runs to end.

use std::fs::File;
use std::time::{Duration, Instant};

use crate::sys::presence::{Presence, own_program, present};

/// The name under which suites find each other.
const KIND: &str = concat!(env!("CARGO_PKG_NAME"), "/suite");

/// The longest wait for another suite: it may hang. A suite takes minutes.
const MAX_WAIT: Duration = Duration::from_secs(600);

/// The suites on this machine, as seen by one of them.
#[derive(Debug)]
pub struct OtherSuites {
    /// None if other suites are ignored.
    presence: Option<Presence>,
    /// Since when another suite has had the machine to itself.
    waiting_since: Option<Instant>,
}

impl OtherSuites {
    /// The interval at which to check whether other suites have ended; no event announces that.
    pub const POLL_INTERVAL: Duration = Duration::from_millis(200);

    /// Announces a suite to the others, if it shares the machine with them.
    pub fn join(shares_machine: bool) -> Self {
        Self {
            presence: shares_machine
                .then(|| Presence::announce(KIND).ok())
                .flatten(),
            waiting_since: None,
        }
    }

    /// Returns the number of suites on this machine, this one included.
    pub fn count(&self) -> usize {
        match &self.presence {
            Some(_) => present(KIND).map_or(1, |count| count.max(1)),
            None => 1,
        }
    }

    /// Returns a permit for one more run, or `None` while another suite has the machine to itself.
    pub fn permit(&mut self) -> Option<RunPermit> {
        let shared = self.presence.is_some();
        let file = shared.then(|| own_program().ok()).flatten();
        let taken = |file: &File| file.try_lock_shared().is_err();
        if !file.as_ref().is_some_and(taken) {
            self.waiting_since = None;
            return Some(RunPermit(file));
        }
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        (since.elapsed() >= MAX_WAIT).then_some(RunPermit(None))
    }
}

/// A permit for a run. While it lives, no other suite can have the machine to itself.
#[derive(Debug)]
pub struct RunPermit(Option<File>);

impl RunPermit {
    /// Waits until no other suite has a run in progress, and keeps others out from then on.
    pub async fn wait_until_alone(&self) {
        let Some(file) = &self.0 else { return };
        let since = Instant::now();
        while file.try_lock().is_err() && since.elapsed() < MAX_WAIT {
            tokio::time::sleep(OtherSuites::POLL_INTERVAL).await;
        }
    }
}
