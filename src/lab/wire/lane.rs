//! One direction of a link: its line, and the frames that are on their way.

use std::collections::VecDeque;
use std::time::Duration;

use super::line::{Fate, Line};
use super::segment::{Segment, is_upkeep};
use super::tally::Tally;
use crate::scenario::topology::Impairment;
use crate::sys::packet::OFFLOAD_HEADER;

/// A frame on its way.
#[derive(Debug)]
pub(super) struct Travelling {
    leaves: Duration,
    pub(super) frame: Box<[u8]>,
    pub(super) segment: Option<Segment>,
}

/// One direction of a link. All times count from the wire's origin.
#[derive(Debug)]
pub(super) struct Lane {
    line: Line,
    /// In the order in which they leave.
    travelling: VecDeque<Travelling>,
}

impl Lane {
    /// With nothing on its way.
    pub(super) fn new(impairment: &Impairment, seed: u64, direction: u64) -> Self {
        Self {
            line: Line::new(impairment.clone(), seed, direction),
            travelling: VecDeque::new(),
        }
    }

    /// Whether a frame that comes now cannot leave at once.
    pub(super) fn holds_up(&self) -> bool {
        !self.line.is_clear() || !self.travelling.is_empty()
    }

    /// Takes a frame, which counts as come now.
    pub(super) fn admit(
        &mut self,
        frame: &[u8],
        segment: Option<Segment>,
        now: Duration,
        tally: &mut Tally,
    ) {
        let bytes = frame.len().saturating_sub(OFFLOAD_HEADER);
        let leaves = match self.line.take(bytes, || is_upkeep(frame), now) {
            Fate::Leaves(leaves) => leaves,
            Fate::Overtakes(leaves) => {
                tally.reordered += 1;
                leaves
            }
            Fate::Lost => {
                tally.lost += 1;
                return;
            }
            Fate::Overrun => {
                tally.overrun += 1;
                return;
            }
        };
        let twice = self.line.repeats(|| is_upkeep(frame));
        tally.duplicated += u64::from(twice);
        let place = self
            .travelling
            .partition_point(|other| other.leaves <= leaves);
        for _ in 0..=u8::from(twice) {
            let travelling = Travelling {
                leaves,
                frame: frame.into(),
                segment,
            };
            self.travelling.insert(place, travelling);
        }
    }

    /// When the next frame leaves.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.travelling.front().map(|travelling| travelling.leaves)
    }

    /// Every frame whose time has come, in order.
    pub(super) fn take_due(&mut self, now: Duration, tally: &mut Tally) -> Vec<Travelling> {
        let due = self.travelling.partition_point(|other| other.leaves <= now);
        if let Some(first) = self.travelling.front().filter(|_| due > 0) {
            let late = u64::try_from((now - first.leaves).as_nanos()).unwrap_or(u64::MAX);
            // One event for each doubling, not for each packet.
            if late / 2 >= tally.late {
                tally.late = late;
            }
        }
        self.travelling.drain(..due).collect()
    }

    /// Changes what happens to frames that come from now on.
    pub(super) fn set_impairment(&mut self, impairment: &Impairment) {
        self.line.set_impairment(impairment.clone());
    }

    /// What is on its way is gone.
    pub(super) fn clear(&mut self) {
        self.travelling.clear();
    }
}
