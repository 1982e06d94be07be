//! One direction of a link: its model, and the frames in flight.

use std::collections::VecDeque;
use std::time::Duration;

use super::counters::WireCounters;
use super::link_model::{LinkModel, PacketOutcome};
use super::segment::{Segment, is_upkeep};
use crate::scenario::topology::Impairment;
use crate::sys::packet::bytes_on_link;

#[derive(Debug)]
pub(super) struct InFlight {
    leaves: Duration,
    pub(super) frame: Box<[u8]>,
    pub(super) segment: Option<Segment>,
}

/// One direction of a link. All times count from the wire's origin.
#[derive(Debug)]
pub(super) struct LinkDirection {
    model: LinkModel,
    /// Sorted by the time at which they leave.
    in_flight: VecDeque<InFlight>,
}

impl LinkDirection {
    pub(super) fn new(impairment: &Impairment, seed: u64, direction: u64) -> Self {
        Self {
            model: LinkModel::new(impairment.clone(), seed, direction),
            in_flight: VecDeque::new(),
        }
    }

    /// Returns whether a frame that arrives now cannot leave at once.
    pub(super) fn holds_up(&self) -> bool {
        !self.model.is_clear() || !self.in_flight.is_empty()
    }

    /// Accepts a frame that arrives now.
    pub(super) fn admit(
        &mut self,
        frame: &[u8],
        segment: Option<Segment>,
        now: Duration,
        counters: &mut WireCounters,
    ) {
        let bytes = bytes_on_link(frame);
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

    /// Returns the time at which the next frame leaves.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.in_flight.front().map(|in_flight| in_flight.leaves)
    }

    /// Removes the frames that are due and returns them in order.
    pub(super) fn take_due(&mut self, now: Duration, counters: &mut WireCounters) -> Vec<InFlight> {
        let due = self.in_flight.partition_point(|other| other.leaves <= now);
        if let Some(first) = self.in_flight.front().filter(|_| due > 0) {
            let late = crate::units::as_nanos(now - first.leaves);
            // Recorded only when the lateness has doubled, not for each packet.
            if late / 2 >= counters.late {
                counters.late = late;
            }
        }
        self.in_flight.drain(..due).collect()
    }

    /// Changes the impairment of frames that arrive from now on.
    pub(super) fn set_impairment(&mut self, impairment: &Impairment) {
        self.model.set_impairment(impairment.clone());
    }

    /// Discards the frames in flight.
    pub(super) fn clear(&mut self) {
        self.in_flight.clear();
    }
}
