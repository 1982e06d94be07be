//! The packet faults of one link: which segments they meet, and what becomes of those. No packets are moved here, no clock is read.
//!
//! Not here: how connections are told apart (`connections`), how a segment is made or changed (`forge`).

mod connections;
mod forge;
mod held;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

use self::connections::Connections;
use self::held::{Held, What};
use super::segment::Segment;
use crate::names::SeriesName;
use crate::record::{Event, Offset, Recorder, RunClock, SeriesId, SeriesKind};
use crate::scenario::fault::{FaultAction, FaultSpec, SegmentFlags, SegmentMatch};
use crate::units::Unit;

/// A frame that is to go on at once, and the end that it came in at.
pub(super) type Going = (usize, Box<[u8]>);

/// The faults of a link, in the order of the file. All times count from the wire's origin.
#[derive(Debug)]
pub(super) struct Faults {
    specs: Vec<FaultSpec>,
    connections: Connections,
    /// How many segments have matched, by fault and connection.
    seen: HashMap<(usize, Option<u64>), u64>,
    held: Held,
    matched: Vec<i64>,
    told: Vec<i64>,
    record: Option<(RunClock, Recorder, Vec<SeriesId>)>,
}

impl Faults {
    /// The faults of a link; `None` where it has none, and costs nothing.
    pub(super) fn new(specs: &[FaultSpec]) -> Option<Self> {
        (!specs.is_empty()).then(|| Self {
            connections: Connections::default(),
            seen: HashMap::new(),
            held: Held::default(),
            matched: vec![0; specs.len()],
            told: vec![0; specs.len()],
            record: None,
            specs: specs.to_vec(),
        })
    }

    /// The run begins at `zero`: forged segments have their times, and `NAME.matched` counts from 0.
    pub(super) fn begin(&mut self, zero: Duration, clock: RunClock, recorder: Recorder) {
        for (index, spec) in self.specs.iter().enumerate() {
            if let FaultAction::Inject(forged) = &spec.action {
                let what = What::Forge(index);
                self.held.add(zero + forged.at, 1 - forged.to, what);
            }
        }
        let series: Vec<SeriesId> = self
            .specs
            .iter()
            .map(|spec| {
                let name = SeriesName::new(format!("{}.matched", spec.name));
                recorder.series(name, SeriesKind::Counter, Unit::Count)
            })
            .collect();
        recorder.record(Event::Sample {
            t: Offset::ZERO,
            v: series.iter().map(|id| (*id, 0)).collect(),
        });
        self.record = Some((clock, recorder, series));
    }

    /// Takes a frame that has come in at an end; gives what goes on at once.
    pub(super) fn arrived(&mut self, end: usize, frame: &[u8], now: Duration) -> Vec<Going> {
        let Some(segment) = Segment::of_frame(frame) else {
            return vec![(end, frame.into())];
        };
        let connection = self.connections.arrived(end, &segment);
        let (mut copies, mut waits) = (1, None);
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
                    waits = waits.max(Some(*by));
                }
                FaultAction::Duplicate(_) => {
                    self.matched[index] += 1;
                    copies += 1;
                }
                // It counts when it comes again.
                FaultAction::Replay { after, .. } => {
                    self.held
                        .add(now + *after, end, What::Stale(index, frame.into()));
                }
                FaultAction::Inject(_) => {}
            }
        }
        if let Some(waits) = waits {
            for _ in 0..copies {
                self.held.add(now + waits, end, What::Late(frame.into()));
            }
            return Vec::new();
        }
        vec![(end, frame.into()); copies]
    }

    /// A frame that came in at an end has left at the other.
    pub(super) fn left(&mut self, end: usize, frame: &[u8]) {
        if let (Some(segment), Some(ethernet)) = (Segment::of_frame(frame), forge::ethernet(frame))
        {
            self.connections.left(end, &segment, ethernet);
        }
    }

    /// When the next frame of its own is due.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.held.next_due()
    }

    /// What was held until now, or is made now.
    pub(super) fn due(&mut self, now: Duration) -> Vec<Going> {
        let mut going = Vec::new();
        while let Some((end, what)) = self.held.take_due(now) {
            let frame = match what {
                What::Late(frame) => Some(frame),
                What::Stale(index, frame) => self.stale(index, end, frame),
                What::Forge(index) => self.forged(index),
            };
            going.extend(frame.map(|frame| (end, frame)));
        }
        going
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

    /// Tells what has changed since the last time.
    pub(super) fn tell(&mut self) {
        let Some((clock, recorder, series)) = &self.record else {
            return;
        };
        if self.matched == self.told {
            return;
        }
        let counts = series.iter().zip(&self.matched).zip(&self.told);
        let changed = counts.filter(|((_, count), told)| count != told);
        recorder.record(Event::Sample {
            t: clock.now(),
            v: changed.map(|((id, count), _)| (*id, *count)).collect(),
        });
        self.told.clone_from(&self.matched);
    }
}

/// Whether a fault is for a segment that came in at an end.
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
