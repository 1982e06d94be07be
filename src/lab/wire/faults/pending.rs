//! The frames that a wire will send later on its own, in the order of their times.

use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Debug)]
pub(super) enum PendingFrame {
    /// A frame that a fault has delayed.
    Late(Box<[u8]>),
    /// A copy of a frame, for the fault with this index.
    Stale(usize, Box<[u8]>),
    /// A frame to be forged, for the fault with this index.
    Forge(usize),
}

/// Pending frames by time; those with the same time are in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct PendingFrames {
    waiting: BTreeMap<(Duration, u64), (usize, PendingFrame)>,
    added: u64,
}

impl PendingFrames {
    /// Adds a frame that will count as arriving at an end.
    pub(super) fn add(&mut self, due: Duration, end: usize, frame: PendingFrame) {
        self.waiting.insert((due, self.added), (end, frame));
        self.added += 1;
    }

    pub(super) fn next_due(&self) -> Option<Duration> {
        self.waiting.first_key_value().map(|((due, _), _)| *due)
    }

    /// Removes the next frame that is due, with the end at which it counts as arriving.
    pub(super) fn take_due(&mut self, now: Duration) -> Option<(usize, PendingFrame)> {
        let next = self.waiting.first_entry()?;
        (next.key().0 <= now).then(|| next.remove())
    }
}
