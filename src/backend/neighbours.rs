//! Other suites on this machine. They share its processors, and a run that is exclusive has none of theirs beside it.

use std::fs::File;
use std::time::{Duration, Instant};

use crate::sys::presence::{Presence, own_program, present};

/// By what suites are known to each other.
const KIND: &str = concat!(env!("CARGO_PKG_NAME"), "/suite");
/// After which time others are waited for no longer: one of them may hang. A suite takes minutes.
const PATIENCE: Duration = Duration::from_secs(600);

/// The suites on this machine, as one of them sees them.
#[derive(Debug)]
pub struct Neighbours {
    /// Where they are heeded.
    presence: Option<Presence>,
    /// Since when another has had the machine to itself.
    waits_since: Option<Instant>,
}

impl Neighbours {
    /// How often it is looked whether others have ended.
    pub const LOOK: Duration = Duration::from_millis(200);

    /// Makes a suite known to the others, where it heeds them.
    pub fn join(heeded: bool) -> Self {
        Self {
            presence: heeded.then(|| Presence::announce(KIND).ok()).flatten(),
            waits_since: None,
        }
    }

    /// How many suites there are, with this one.
    pub fn count(&self) -> usize {
        match &self.presence {
            Some(_) => present(KIND).map_or(1, |count| count.max(1)),
            None => 1,
        }
    }

    /// A place for one more run, where no other suite has the machine to itself.
    pub fn place(&mut self) -> Option<Place> {
        let heeded = self.presence.is_some();
        let file = heeded.then(|| own_program().ok()).flatten();
        let taken = |file: &File| file.try_lock_shared().is_err();
        if !file.as_ref().is_some_and(taken) {
            self.waits_since = None;
            return Some(Place(file));
        }
        let since = *self.waits_since.get_or_insert_with(Instant::now);
        (since.elapsed() >= PATIENCE).then_some(Place(None))
    }
}

/// What keeps other suites from having the machine to themselves, for as long as this lives.
#[derive(Debug)]
pub struct Place(Option<File>);

impl Place {
    /// Waits until no run of another suite is under way, and keeps them out from then on.
    pub async fn alone(&self) {
        let Some(file) = &self.0 else { return };
        let since = Instant::now();
        while file.try_lock().is_err() && since.elapsed() < PATIENCE {
            tokio::time::sleep(Neighbours::LOOK).await;
        }
    }
}
