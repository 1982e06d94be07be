//! Statistics of a client's load, collected from its threads: delays of starts, rates, processor time.

use crate::names::ActorName;
use crate::record::{LoadReport, Offset};
use crate::scenario::workload::Starts;
use crate::traffic::few_values::CollectedValues;
use crate::units::as_nanos;

/// The load statistics of one thread, or the sum of several.
#[derive(Debug, Clone)]
pub(super) struct LoadStats {
    /// Delay of each start against the schedule, nanoseconds.
    late: CollectedValues<u64>,
    started: u64,
    pub(super) first_start: Offset,
    last_start: Offset,
    /// Time at which the last attempt ended.
    pub(super) ended: Offset,
    /// Processor time in nanoseconds.
    pub(super) cpu: u64,
    pub(super) port_choice: &'static str,
    pub(super) engine: &'static str,
}

impl LoadStats {
    pub(super) fn new(engine: &'static str) -> Self {
        Self {
            late: CollectedValues::new(),
            started: 0,
            first_start: Offset(u64::MAX),
            last_start: Offset::ZERO,
            ended: Offset::ZERO,
            cpu: 0,
            port_choice: "kernel",
            engine,
        }
    }

    /// Counts a start at `now` that was scheduled for `intended`.
    pub(super) fn start(&mut self, now: Offset, intended: Offset) {
        self.started += 1;
        self.first_start = self.first_start.min(now);
        self.last_start = self.last_start.max(now);
        self.late.record(now.0.saturating_sub(intended.0));
    }

    /// Adds the statistics of another thread of the same client.
    pub(super) fn add(&mut self, other: &Self) {
        self.late.add(&other.late);
        self.started += other.started;
        self.first_start = self.first_start.min(other.first_start);
        self.last_start = self.last_start.max(other.last_start);
        self.ended = self.ended.max(other.ended);
        self.cpu += other.cpu;
        self.port_choice = other.port_choice;
        self.engine = other.engine;
    }

    /// Returns the load report of the whole client.
    pub(super) fn report(&self, client: &ActorName, starts: Starts) -> LoadReport {
        let late = |quantile| self.late.at_quantile(quantile);
        let (open_loop, offered_rate, achieved_rate, span) = match starts {
            Starts::Paced(schedule) => {
                let mean = schedule.mean_rate().as_per_second();
                let span = schedule.duration();
                let rate = self.paced_rate().unwrap_or(mean);
                (true, mean, rate, as_nanos(span))
            }
            Starts::Closed { .. } => {
                let took = self
                    .ended
                    .as_duration()
                    .saturating_sub(self.first_start.as_duration());
                let rate = if took.is_zero() {
                    0.0
                } else {
                    self.started as f64 / took.as_secs_f64()
                };
                (false, rate, rate, as_nanos(took))
            }
        };
        LoadReport {
            client: client.clone(),
            open_loop,
            scheduled: starts.count(),
            started: self.started,
            offered_rate,
            achieved_rate,
            span,
            late_p50: if open_loop { late(0.5) } else { 0 },
            late_p99: if open_loop { late(0.99) } else { 0 },
            late_max: if open_loop { late(1.0) } else { 0 },
            port_choice: self.port_choice.to_owned(),
            engine: self.engine.to_owned(),
            cpu: self.cpu,
        }
    }

    /// Returns the starts per second between the first and the last. With n starts there are n - 1 gaps; `None`
    /// for fewer than two starts.
    fn paced_rate(&self) -> Option<f64> {
        let gaps = self.started.checked_sub(1)?;
        let between = self.last_start.0.checked_sub(self.first_start.0)?;
        (gaps > 0 && between > 0).then(|| gaps as f64 * 1e9 / between as f64)
    }
}
