//! PendingFrame a wire has still to let in by itself, in the order of its times.

use std::collections::BTreeMap;
use std::time::Duration;

/// PendingFrame delay.
#[derive(Debug)]
pub(super) enum PendingFrame {
    /// A frame that is late.
    Late(Box<[u8]>),
    /// A copy of a frame, for the fault of this index.
    Stale(usize, Box<[u8]>),
    /// A frame to be made, for the fault of this index.
    Forge(usize),
}

/// Frames and their times; of those with the same time, the one that came first is first.
#[derive(Debug, Default)]
pub(super) struct PendingFrames {
    waiting: BTreeMap<(Duration, u64), (usize, PendingFrame)>,
    added: u64,
}

impl PendingFrames {
    /// Holds something that counts as come in at an end.
    pub(super) fn add(&mut self, due: Duration, end: usize, frame: PendingFrame) {
        self.waiting.insert((due, self.added), (end, frame));
        self.added += 1;
    }

    pub(super) fn next_due(&self) -> Option<Duration> {
        self.waiting.first_key_value().map(|((due, _), _)| *due)
    }

    /// The next whose time has come, with the end that it counts as come in at.
    pub(super) fn take_due(&mut self, now: Duration) -> Option<(usize, PendingFrame)> {
        let next = self.waiting.first_entry()?;
        (next.key().0 <= now).then(|| next.remove())
    }
}
