//! The counts of one actor, and when they are written to the record.
//!
//! A change is recorded at once if the last sample is [`COALESCE`] old, if a counter leaves zero, or if an error is
//! new. Otherwise it waits for the [`Flusher`](super::flusher::Flusher) and is recorded with the time of the latest
//! change. There is no event per connection.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::errno::Errno;

use super::few_values::CollectedValues;
use super::flusher::Wakeup;
use crate::metrics::{self, Metric, SeriesKind};
use crate::names::ActorName;
use crate::record::{Event, Offset, Recorder, RunClock, SeriesId};

/// Minimum time between two samples of an actor, apart from those for something new. Fine enough to date a change, at
/// 100 events per second.
pub(crate) const COALESCE: Duration = Duration::from_millis(10);
/// Length of a span of a distribution, equal to the sampling interval of probes.
const SPAN: Duration = Duration::from_millis(100);

/// The counts of an actor, shared by its threads.
#[derive(Debug)]
pub(crate) struct ActorMetrics {
    actor: ActorName,
    recorder: Recorder,
    clock: Arc<std::sync::OnceLock<RunClock>>,
    wakeup: Arc<Wakeup>,
    counts: Mutex<Counts>,
    /// The span of the distribution that is being written, apart from the counts: going through a histogram takes long,
    /// and the next start would wait for it. Locked before the counts, so that spans are recorded in order.
    ended_span: Mutex<CollectedValues<u32>>,
}

/// The counts themselves. The declared ones come first, in their order.
#[derive(Debug)]
pub(crate) struct Counts {
    declared: Vec<&'static Metric>,
    values: Vec<CountedValue>,
    /// Indices in `values` of the series that are declared when they first occur.
    on_demand: BTreeMap<OnDemandSeries, usize>,
    undeclared: Vec<OnDemandSeries>,
    urgent: bool,
    changed_at: Offset,
    recorded_at: Option<Offset>,
    latency: Option<Latency>,
}

/// A series that is declared only when it first occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum OnDemandSeries {
    /// Errors with this number.
    Error(i32),
    /// Replies with this status code.
    Status(u16),
}

#[derive(Debug)]
struct CountedValue {
    series: SeriesId,
    value: i64,
    changed: bool,
    was_above_zero: bool,
}

#[derive(Debug)]
struct Latency {
    series: SeriesId,
    span: CollectedValues<u32>,
    /// Time at which the current span ends; `None` if nothing was recorded in it.
    span_end: Option<Offset>,
}

impl Counts {
    /// Adds to a declared metric.
    pub(crate) fn add(&mut self, metric: &'static Metric, by: i64) {
        if let Some(place) = self.place(metric) {
            self.add_at(place, by);
        }
    }

    fn place(&self, metric: &'static Metric) -> Option<usize> {
        let is_same = |declared: &&'static Metric| std::ptr::eq(*declared, metric);
        let place = self.declared.iter().position(is_same);
        debug_assert!(
            place.is_some(),
            "`{}` is not a metric of this actor",
            metric.name
        );
        place
    }

    fn add_at(&mut self, place: usize, by: i64) {
        let value = &mut self.values[place];
        value.value += by;
        value.changed = true;
        if value.value > 0 && !value.was_above_zero {
            value.was_above_zero = true;
            self.urgent = true;
        }
    }

    /// Sets a declared metric.
    pub(crate) fn set(&mut self, metric: &'static Metric, to: i64) {
        if let Some(place) = self.place(metric) {
            self.add_at(place, to - self.values[place].value);
        }
    }

    /// Counts an error in the series of its number.
    pub(crate) fn error(&mut self, errno: i32) {
        self.series(OnDemandSeries::Error(errno));
    }

    /// Counts a reply in the series of its status code.
    pub(crate) fn status(&mut self, status: u16) {
        self.series(OnDemandSeries::Status(status));
    }

    fn series(&mut self, series: OnDemandSeries) {
        match self.on_demand.get(&series) {
            Some(place) => self.add_at(*place, 1),
            None => self.undeclared.push(series),
        }
    }

    /// Adds a value to the latency distribution, in nanoseconds.
    pub(crate) fn latency(&mut self, nanoseconds: u64) {
        if let Some(latency) = &mut self.latency {
            latency.span.record(nanoseconds);
        }
    }
}

impl Latency {
    /// Begins a span if values were recorded. Returns true if a span waits to be written.
    fn begin_span(&mut self, t: Offset) -> bool {
        if self.span_end.is_none() && !self.span.is_empty() {
            self.span_end = Some(Offset::from_duration(t.as_duration() + SPAN));
        }
        self.span_end.is_some()
    }
}

impl ActorMetrics {
    /// Declares an actor's series: the given ones, and `latency` if it has one.
    pub(crate) fn new(
        actor: &ActorName,
        recorder: &Recorder,
        clock: &Arc<std::sync::OnceLock<RunClock>>,
        wakeup: &Arc<Wakeup>,
        declared: impl Iterator<Item = &'static Metric>,
    ) -> Self {
        let (distributions, declared): (Vec<_>, Vec<_>) =
            declared.partition(|metric| metric.kind == SeriesKind::Distribution);
        let values = declared.iter().map(|metric| CountedValue {
            series: recorder.metric(metric, actor.as_str()),
            value: 0,
            changed: true,
            was_above_zero: false,
        });
        let values = values.collect();
        let latency = distributions.first().map(|metric| Latency {
            series: recorder.metric(metric, actor.as_str()),
            span: CollectedValues::new(),
            span_end: None,
        });
        Self {
            actor: actor.clone(),
            recorder: recorder.clone(),
            clock: Arc::clone(clock),
            wakeup: Arc::clone(wakeup),
            counts: Mutex::new(Counts {
                declared,
                values,
                on_demand: BTreeMap::new(),
                undeclared: Vec::new(),
                urgent: false,
                changed_at: Offset::ZERO,
                recorded_at: None,
                latency,
            }),
            ended_span: Mutex::new(CollectedValues::new()),
        }
    }

    /// Returns the time; zero before the clock starts.
    pub(crate) fn now(&self) -> Offset {
        self.clock.get().map_or(Offset::ZERO, RunClock::now)
    }

    /// Returns the name of the actor.
    pub(crate) fn actor(&self) -> &ActorName {
        &self.actor
    }

    /// Returns the recorder, for events other than counts.
    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Records the first sample: every count, including zeros.
    pub(crate) fn begin(&self) {
        let mut counts = lock(&self.counts);
        self.record_counts(&mut counts);
    }

    /// Changes counts at time `t`.
    pub(crate) fn update(&self, t: Offset, change: impl FnOnce(&mut Counts)) {
        let mut counts = lock(&self.counts);
        change(&mut counts);
        for series in std::mem::take(&mut counts.undeclared) {
            self.declare(&mut counts, series);
        }
        counts.changed_at = counts.changed_at.max(t);
        let waits = counts
            .latency
            .as_mut()
            .is_some_and(|latency| latency.begin_span(t));
        let since = counts
            .recorded_at
            .map(|recorded| t.as_duration().saturating_sub(recorded.as_duration()));
        if counts.urgent || since.is_none_or(|since| since >= COALESCE) {
            self.record_counts(&mut counts);
            if !waits {
                return;
            }
        }
        drop(counts);
        self.wakeup.wake();
    }

    /// Records the counts that have changed since the last sample, and the current span of the distribution if it
    /// ended by `t`. Returns true if the span has not ended.
    pub(crate) fn flush(&self, t: Offset) -> bool {
        let mut ended = lock(&self.ended_span);
        let mut counts = lock(&self.counts);
        if counts.values.iter().any(|value| value.changed) {
            self.record_counts(&mut counts);
        }
        let Some(latency) = &mut counts.latency else {
            return false;
        };
        let Some(span_end) = latency.span_end else {
            return false;
        };
        if t < span_end {
            return true;
        }
        latency.span_end = None;
        std::mem::swap(&mut *ended, &mut latency.span);
        let series = latency.series;
        drop(counts);
        self.recorder.record(Event::Histogram {
            t: span_end.min(self.now()),
            series,
            v: ended.take(),
        });
        false
    }

    /// Records everything that has not been recorded, at the end of the run.
    pub(crate) fn finish(&self) {
        self.flush(Offset(u64::MAX));
    }

    /// Returns the value of a declared metric.
    pub(crate) fn get(&self, metric: &'static Metric) -> i64 {
        let counts = lock(&self.counts);
        counts
            .place(metric)
            .map_or(0, |place| counts.values[place].value)
    }

    fn declare(&self, counts: &mut Counts, series: OnDemandSeries) {
        let place = *counts.on_demand.entry(series).or_insert_with(|| {
            let actor = self.actor.as_str();
            let series = match series {
                OnDemandSeries::Error(errno) => {
                    let errno = format!("{:?}", Errno::from_raw(errno));
                    self.recorder
                        .metric_of(&metrics::client::ERRORS, actor, &errno)
                }
                OnDemandSeries::Status(status) => {
                    let status = status.to_string();
                    self.recorder
                        .metric_of(&metrics::client::STATUS, actor, &status)
                }
            };
            counts.values.push(CountedValue {
                series,
                value: 0,
                changed: false,
                was_above_zero: false,
            });
            counts.values.len() - 1
        });
        counts.add_at(place, 1);
    }

    fn record_counts(&self, counts: &mut Counts) {
        let mut v = Vec::new();
        for value in counts.values.iter_mut().filter(|value| value.changed) {
            value.changed = false;
            v.push((value.series, value.value));
        }
        counts.urgent = false;
        counts.recorded_at = Some(counts.changed_at);
        self.recorder.record(Event::Sample {
            t: counts.changed_at,
            v,
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Series;
    use crate::traffic::tests::TestRecorder;

    const ATTEMPTED: &Metric = &metrics::client::ATTEMPTED;
    const IN_FLIGHT: &Metric = &metrics::client::IN_FLIGHT;

    fn at(millis: u64) -> Offset {
        Offset::from_duration(Duration::from_millis(millis))
    }

    fn recorded(act: impl FnOnce(&ActorMetrics)) -> crate::record::Timeline {
        let listener = TestRecorder::start();
        let (clock, wakeup) = (Arc::default(), Arc::default());
        let name = ActorName::new("load");
        let metrics = ActorMetrics::new(
            &name,
            &listener.recorder(),
            &clock,
            &wakeup,
            [ATTEMPTED, IN_FLIGHT, &metrics::client::LATENCY].into_iter(),
        );
        metrics.begin();
        act(&metrics);
        drop(metrics);
        listener.timeline()
    }

    #[test]
    fn changes_are_coalesced_and_the_last_keeps_its_time() {
        let timeline = recorded(|metrics| {
            for millis in 1..=25 {
                metrics.update(at(millis), |counts| counts.add(ATTEMPTED, 1));
            }
            metrics.finish();
        });
        let attempted = timeline
            .series("load.attempted")
            .map(|series| &series.changes);
        let expected = [(0, 0), (1, 1), (11, 11), (21, 21), (25, 25)];
        let expected = expected.map(|(millis, count)| (at(millis), count));
        assert_eq!(attempted.unwrap(), &expected);
    }

    #[test]
    fn the_first_of_each_error_is_recorded_at_once() {
        let timeline = recorded(|metrics| {
            for millis in 1..=3 {
                metrics.update(at(millis), |counts| counts.error(libc::ECONNREFUSED));
            }
            metrics.update(at(4), |counts| counts.error(libc::EADDRNOTAVAIL));
            metrics.finish();
        });
        let first = |name: &str| timeline.series(name).map(|series| series.changes[0]);
        assert_eq!(first("load.errors.ECONNREFUSED"), Some((at(1), 1)));
        assert_eq!(first("load.errors.EADDRNOTAVAIL"), Some((at(4), 1)));
        let refused = timeline.series("load.errors.ECONNREFUSED");
        assert_eq!(refused.and_then(Series::last), Some(3));
    }

    #[test]
    fn a_gauge_that_returns_to_zero_is_not_new_each_time() {
        let timeline = recorded(|metrics| {
            for millis in 1..=9 {
                metrics.update(at(millis), |counts| counts.add(IN_FLIGHT, 1));
                metrics.update(at(millis), |counts| counts.add(IN_FLIGHT, -1));
            }
        });
        let changes = timeline
            .series("load.in-flight")
            .map(|series| series.changes.len());
        assert_eq!(changes, Some(2), "the zero and the first one");
    }

    #[test]
    fn a_span_of_the_distribution_is_recorded_when_it_ends() {
        let timeline = recorded(|metrics| {
            metrics.update(at(1), |counts| counts.latency(5_000_000_000));
            assert!(metrics.flush(at(50)), "it goes on");
            assert!(!metrics.flush(at(101)));
            metrics.update(at(150), |counts| counts.latency(1_000));
            metrics.finish();
        });
        let histograms = &timeline.series("load.latency").unwrap().histograms;
        assert_eq!(histograms.len(), 2);
        let (value, count) = histograms[0].1[0];
        assert_eq!(count, 1);
        assert!(
            value.abs_diff(5_000_000_000) < 5_000_000,
            "{value}: no bound, three digits"
        );
    }
}
