//! Other suites of the same user on this machine. Each uses its share of the processors; none waits for another.
//!
//! A run that should be alone is alone in its own suite. The load of all others, suites or not, is measured during the
//! run (`probe::contention`), because no lock reaches every container, program and user; the measurement decides what
//! a verdict is worth.

use std::time::Duration;

use crate::sys::presence::{Presence, present};

/// The name under which suites find each other.
const KIND: &str = concat!(env!("CARGO_PKG_NAME"), "/suite");

/// The suites on this machine, as seen by one of them.
#[derive(Debug)]
pub struct OtherSuites {
    /// None if other suites are ignored.
    presence: Option<Presence>,
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
        }
    }

    /// Returns the number of suites of this user that are on this machine now, for a process that has none yet.
    pub fn others() -> usize {
        present(KIND).unwrap_or(0)
    }

    /// Returns the number of suites of this user on this machine, this one included.
    pub fn count(&self) -> usize {
        match &self.presence {
            Some(_) => present(KIND).map_or(1, |count| count.max(1)),
            None => 1,
        }
    }
}
