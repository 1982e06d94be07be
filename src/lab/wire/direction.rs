//! One direction of a link: its model, and the frames that are on their way.

use std::collections::VecDeque;
use std::time::Duration;

use super::counters::WireCounters;
use super::link_model::{LinkModel, PacketOutcome};
use super::segment::{Segment, is_upkeep};
use crate::scenario::topology::Impairment;
use crate::sys::packet::OFFLOAD_HEADER;

/// A frame on its way.
#[derive(Debug)]
pub(super) struct InFlight {
    leaves: Duration,
    pub(super) frame: Box<[u8]>,
    pub(super) segment: Option<Segment>,
}

/// One direction of a link. All times count from the wire's origin.
#[derive(Debug)]
pub(super) struct Direction {
    model: LinkModel,
    /// In the order in which they leave.
    in_flight: VecDeque<InFlight>,
}

impl Direction {
    /// With nothing on its way.
    pub(super) fn new(impairment: &Impairment, seed: u64, direction: u64) -> Self {
        Self {
            model: LinkModel::new(impairment.clone(), seed, direction),
            in_flight: VecDeque::new(),
        }
    }

    /// Whether a frame that comes now cannot leave at once.
    pub(super) fn holds_up(&self) -> bool {
        !self.model.is_clear() || !self.in_flight.is_empty()
    }

    /// Takes a frame, which counts as come now.
    pub(super) fn admit(
        &mut self,
        frame: &[u8],
        segment: Option<Segment>,
        now: Duration,
        counters: &mut WireCounters,
    ) {
        let bytes = frame.len().saturating_sub(OFFLOAD_HEADER);
        let leaves = match self.model.take(bytes, || is_upkeep(frame), now) {
            PacketOutcome::Leaves(leaves) => leaves,
            PacketOutcome::Overtakes(leaves) => {
                counters.reordered += 1;
                leaves
            }
            PacketOutcome::Lost => {
                counters.lost += 1;
                return;
            }
            PacketOutcome::Overrun => {
                counters.overrun += 1;
                return;
            }
        };
        let twice = self.model.repeats(|| is_upkeep(frame));
        counters.duplicated += u64::from(twice);
        let place = self
            .in_flight
            .partition_point(|other| other.leaves <= leaves);
        for _ in 0..=u8::from(twice) {
            let in_flight = InFlight {
                leaves,
                frame: frame.into(),
                segment,
            };
            self.in_flight.insert(place, in_flight);
        }
    }

    /// When the next frame leaves.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.in_flight.front().map(|in_flight| in_flight.leaves)
    }

    /// Every frame whose time has come, in order.
    pub(super) fn take_due(&mut self, now: Duration, counters: &mut WireCounters) -> Vec<InFlight> {
        let due = self.in_flight.partition_point(|other| other.leaves <= now);
        if let Some(first) = self.in_flight.front().filter(|_| due > 0) {
            let late = crate::units::as_nanos(now - first.leaves);
            // One event for each doubling, not for each packet.
            if late / 2 >= counters.late {
                counters.late = late;
            }
        }
        self.in_flight.drain(..due).collect()
    }

    /// Changes what happens to frames that come from now on.
    pub(super) fn set_impairment(&mut self, impairment: &Impairment) {
        self.model.set_impairment(impairment.clone());
    }

    /// What is on its way is gone.
    pub(super) fn clear(&mut self) {
        self.in_flight.clear();
    }
}
