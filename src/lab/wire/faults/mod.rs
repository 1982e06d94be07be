//! The packet faults of one link: the segments that they match, and the result. No packets are moved and
//! no clock is read.
//!
//! Not here: how connections are distinguished (`connections`), and how segments are built or changed (`forge`).

mod connections;
mod forge;
mod pending;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

use self::connections::Connections;
use self::pending::{PendingFrame, PendingFrames};
use super::segment::Segment;
use crate::metrics::command::MATCHED;
use crate::record::{Event, Offset, Recorder, RunClock, SeriesId};
use crate::scenario::fault::{FaultAction, FaultSpec, SegmentFlags, SegmentMatch};

/// A frame that continues on its way, and the end at which it arrived.
pub(super) type ReleasedFrame = (usize, Box<[u8]>);

/// The faults of a link, in the order of the file. All times count from the wire's origin.
#[derive(Debug)]
pub(super) struct Faults {
    specs: Vec<FaultSpec>,
    connections: Connections,
    /// Counts of matching segments, by fault and connection.
    seen: HashMap<(usize, Option<u64>), u64>,
    pending: PendingFrames,
    matched: Vec<i64>,
    recorded: Vec<i64>,
    record: Option<(RunClock, Recorder, Vec<SeriesId>)>,
}

impl Faults {
    /// Creates the faults of a link; `None` if it has none.
    pub(super) fn new(specs: &[FaultSpec]) -> Option<Self> {
        (!specs.is_empty()).then(|| Self {
            connections: Connections::default(),
            seen: HashMap::new(),
            pending: PendingFrames::default(),
            matched: vec![0; specs.len()],
            recorded: vec![0; specs.len()],
            record: None,
            specs: specs.to_vec(),
        })
    }

    /// Starts the run at `zero`: schedules forged segments, and records `NAME.matched` from 0.
    pub(super) fn begin(&mut self, zero: Duration, clock: RunClock, recorder: Recorder) {
        for (index, spec) in self.specs.iter().enumerate() {
            if let FaultAction::Inject(forged) = &spec.action {
                let frame = PendingFrame::Forge(index);
                self.pending.add(zero + forged.at, 1 - forged.to, frame);
            }
        }
        let series: Vec<SeriesId> = self
            .specs
            .iter()
            .map(|spec| recorder.metric(&MATCHED, spec.name.as_str()))
            .collect();
        recorder.record(Event::Sample {
            t: Offset::ZERO,
            v: series.iter().map(|id| (*id, 0)).collect(),
        });
        self.record = Some((clock, recorder, series));
    }

    /// Applies the faults to an arriving frame, and returns the frames that continue at once.
    pub(super) fn arrived(
        &mut self,
        end: usize,
        frame: &[u8],
        now: Duration,
    ) -> Vec<ReleasedFrame> {
        let Some(segment) = Segment::of_frame(frame) else {
            return vec![(end, frame.into())];
        };
        let connection = self.connections.arrived(end, &segment);
        let (mut copies, mut delay) = (1, None);
        for (index, spec) in self.specs.iter().enumerate() {
            let Some(of) = spec.action.of() else { continue };
            if !matches(of, end, &segment, connection) {
                continue;
            }
            let count = self.seen.entry((index, connection)).or_default();
            *count += 1;
            if of
                .nth
                .is_some_and(|[first, last]| *count < first || last < *count)
            {
                continue;
            }
            match &spec.action {
                FaultAction::Drop(_) => {
                    self.matched[index] += 1;
                    return Vec::new();
                }
                FaultAction::Delay { by, .. } => {
                    self.matched[index] += 1;
                    delay = delay.max(Some(*by));
                }
                FaultAction::Duplicate(_) => {
                    self.matched[index] += 1;
                    copies += 1;
                }
                // It is counted when it is sent again.
                FaultAction::Replay { after, .. } => {
                    self.pending
                        .add(now + *after, end, PendingFrame::Stale(index, frame.into()));
                }
                FaultAction::Inject(_) => {}
            }
        }
        if let Some(delay) = delay {
            for _ in 0..copies {
                self.pending
                    .add(now + delay, end, PendingFrame::Late(frame.into()));
            }
            return Vec::new();
        }
        vec![(end, frame.into()); copies]
    }

    /// Updates the connection of a frame that arrived at an end and has left at the other.
    pub(super) fn left(&mut self, end: usize, frame: &[u8]) {
        if let (Some(segment), Some(ethernet)) = (Segment::of_frame(frame), forge::ethernet(frame))
        {
            self.connections.left(end, &segment, ethernet);
        }
    }

    /// Returns the time at which the next pending frame is due.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.pending.next_due()
    }

    /// Returns the frames that are due, including those forged now.
    pub(super) fn due(&mut self, now: Duration) -> Vec<ReleasedFrame> {
        let mut released = Vec::new();
        while let Some((end, frame)) = self.pending.take_due(now) {
            let frame = match frame {
                PendingFrame::Late(frame) => Some(frame),
                PendingFrame::Stale(index, frame) => self.stale(index, end, frame),
                PendingFrame::Forge(index) => self.forged(index),
            };
            released.extend(frame.map(|frame| (end, frame)));
        }
        released
    }

    fn stale(&mut self, index: usize, end: usize, mut frame: Box<[u8]>) -> Option<Box<[u8]>> {
        if let FaultAction::Replay {
            sequence: Some(sequence),
            ..
        } = &self.specs[index].action
        {
            let segment = Segment::of_frame(&frame)?;
            let connection = self.connections.newest_of(&segment)?;
            if !forge::move_into(&mut frame, end, *sequence, connection) {
                return None;
            }
        }
        self.matched[index] += 1;
        Some(frame)
    }

    fn forged(&mut self, index: usize) -> Option<Box<[u8]>> {
        let FaultAction::Inject(forged) = &self.specs[index].action else {
            return None;
        };
        let connection = self.connections.get(forged.connection)?;
        let frame = forge::forge(forged, connection)?;
        self.matched[index] += 1;
        Some(frame.into())
    }

    /// Records the counts that have changed since the last call.
    pub(super) fn record_changes(&mut self) {
        let Some((clock, recorder, series)) = &self.record else {
            return;
        };
        if self.matched == self.recorded {
            return;
        }
        let counts = series.iter().zip(&self.matched).zip(&self.recorded);
        let changed = counts.filter(|((_, count), recorded)| count != recorded);
        recorder.record(Event::Sample {
            t: clock.now(),
            v: changed.map(|((id, count), _)| (*id, *count)).collect(),
        });
        self.recorded.clone_from(&self.matched);
    }
}

/// Returns whether a fault applies to a segment that arrived at an end.
fn matches(of: &SegmentMatch, end: usize, segment: &Segment, connection: Option<u64>) -> bool {
    let seen = SegmentFlags {
        syn: segment.syn,
        ack: segment.acknowledges.is_some(),
        fin: segment.fin,
        rst: segment.rst,
    };
    of.from.is_none_or(|from| from == end)
        && of.flags.is_none_or(|flags| flags.match_exactly(seen))
        && of.data.is_none_or(|data| data == (segment.length > 0))
        && of
            .connection
            .is_none_or(|number| connection == Some(number))
}
