//! Counts the packets that a wire did not deliver as they came, and records the counts.

use crate::metrics::{Metric, wire};
use crate::names::NodeName;
use crate::record::{Event, Offset, Recorder, RunClock, SeriesId};
use crate::sys::packet::PacketSocket;

/// The metrics of a wire, in the order in which they are recorded.
const KINDS: &[&Metric] = wire::ALL;

/// Packet counts, both directions together.
#[derive(Debug)]
pub(super) struct WireCounters {
    /// Dropped at random, as the scenario requires.
    pub(super) lost: u64,
    /// Dropped because the queue of the rate limit was full, as the scenario requires.
    pub(super) overrun: u64,
    /// Sent without the delay, as the scenario requires.
    pub(super) reordered: u64,
    /// Sent twice, as the scenario requires.
    pub(super) duplicated: u64,
    /// Discarded because the link is cut, as the scenario requires.
    pub(super) cut: u64,
    /// The greatest delay of a packet beyond its due time so far, nanoseconds.
    pub(super) late: u64,
    /// Dropped although the scenario does not require it: a kernel buffer was full, or an interface was down.
    pub(super) dropped: u64,
    link: String,
    recorded: [u64; KINDS.len()],
    sink: Option<CounterSeries>,
}

#[derive(Debug)]
struct CounterSeries {
    clock: RunClock,
    recorder: Recorder,
    series: Vec<SeriesId>,
}

impl WireCounters {
    /// Creates the counters of the wire between two nodes.
    pub(super) fn new(first: &NodeName, second: &NodeName) -> Self {
        Self {
            lost: 0,
            overrun: 0,
            reordered: 0,
            duplicated: 0,
            cut: 0,
            late: 0,
            dropped: 0,
            link: format!("{first}-{second}"),
            recorded: [0; KINDS.len()],
            sink: None,
        }
    }

    /// Starts recording: the series `wire.A-B.lost` and the others of [`KINDS`] begin at 0.
    pub(super) fn begin(&mut self, clock: RunClock, recorder: Recorder) {
        let wire = format!("wire.{}", self.link);
        let series: Vec<SeriesId> = KINDS
            .iter()
            .map(|metric| recorder.metric(metric, &wire))
            .collect();
        (self.dropped, self.late) = (0, 0);
        recorder.record(Event::Sample {
            t: Offset::ZERO,
            v: series.iter().map(|id| (*id, 0)).collect(),
        });
        self.sink = Some(CounterSeries {
            clock,
            recorder,
            series,
        });
    }

    /// Adds the packets that the kernel dropped at the sockets because the wire did not read fast enough.
    pub(super) fn count_unread(&mut self, sockets: &[PacketSocket; 2]) {
        for socket in sockets {
            self.dropped += socket.take_dropped().unwrap_or_default();
        }
    }

    /// Records the counts that have changed since the last call.
    pub(super) fn record_changes(&mut self) {
        let counts = [
            self.lost,
            self.overrun,
            self.reordered,
            self.duplicated,
            self.cut,
            self.late,
            self.dropped,
        ];
        let Some(sink) = &self.sink else {
            return;
        };
        if counts == self.recorded {
            return;
        }
        let t = sink.clock.now();
        if self.recorded[KINDS.len() - 1] == 0 && self.dropped > 0 {
            let text = format!(
                "the wire {} dropped packets that it should have carried (counted in wire.{0}.dropped): \
                 an interface was down, or the machine too slow for the traffic",
                self.link
            );
            sink.recorder.record(Event::Note { t: Some(t), text });
        }
        let values = sink.series.iter().zip(counts).zip(self.recorded);
        let changed = values.filter(|((_, count), recorded)| count != recorded);
        sink.recorder.record(Event::Sample {
            t,
            v: changed
                .map(|((id, count), _)| (*id, i64::try_from(count).unwrap_or(i64::MAX)))
                .collect(),
        });
        self.recorded = counts;
    }
}
