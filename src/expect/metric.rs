//! Reads a quantity at ascending moments. Each series is walked once, however many moments there are.
//!
//! Not here: distributions (`distribution`), arithmetic and comparison (`claim`), the choice of moments (`decide`).
//!
//! Functions of a counter or gauge, over the part of the window that has been seen:
//!
//! - `max`, `min`: the greatest and the least value at any moment, including the value at the start;
//! - `mean`: the mean over time, each value weighted by how long it held;
//! - `last`: the value at the end, which is also the value of the bare quantity;
//! - `first`: the time on the run's clock at which it was first above zero;
//! - `rate`: the increase per second. In a `during` window, over the whole window; otherwise only over the time
//!   in which load was offered (see [`Activity`]), so that a run that goes on after its load does not dilute the
//!   rate.

use crate::record::{Offset, Series, SeriesKind};
use crate::scenario::expr::{MetricRef, SeriesFunction};

use super::absent::{self, Absent};
use super::activity::Activity;
use super::distribution::Distribution;
use super::evidence::{Evidence, Unjudgeable};

/// The value of a quantity at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Reading {
    /// A finite number in its unit.
    Value(f64),
    /// There is no number; the text for reports in its place: `never`, `still running`.
    Nothing(&'static str),
}

/// The part of the run that functions apply to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadSpan {
    /// From the start of the clock to the moment of judgement.
    SoFar,
    /// Always all of it, from the first to the second moment.
    Whole(Offset, Offset),
}

/// Reads one quantity at ascending moments.
#[derive(Debug)]
pub(super) struct QuantityReader<'a> {
    source: Source<'a>,
    function: Option<SeriesFunction>,
    span: ReadSpan,
    /// The end of the quantity's own run. Later moments are read as this one.
    last: Offset,
}

#[derive(Debug)]
enum Source<'a> {
    Walk(Walk<'a>),
    Distribution(Distribution<'a>),
    Absent(Absent),
}

impl<'a> QuantityReader<'a> {
    /// Finds the quantity in the evidence.
    ///
    /// # Errors
    /// If the record lacks the series and its absence proves nothing, or if the function does not apply to it.
    pub(super) fn open(
        function: Option<SeriesFunction>,
        metric: &MetricRef,
        span: ReadSpan,
        evidence: &Evidence<'a>,
    ) -> Result<Self, Unjudgeable> {
        let timeline = evidence.timeline(metric)?;
        let from = match span {
            ReadSpan::SoFar => Offset::ZERO,
            ReadSpan::Whole(from, _) => from,
        };
        let source = match timeline.series(metric.series.as_str()) {
            None if absent::is_kernel_counter(&metric.series)
                && evidence.any_recorded(&metric.series) =>
            {
                Source::Absent(Absent::Zero)
            }
            None => Source::Absent(absent::stand_in(&metric.series)?),
            Some(series) => match series.declaration.kind {
                SeriesKind::Counter | SeriesKind::Gauge => {
                    let activity = Activity::behind(&metric.series, timeline);
                    Source::Walk(Walk::start(series, from, activity))
                }
                SeriesKind::Distribution => Source::Distribution(Distribution::start(series, from)),
                SeriesKind::Text => {
                    return Err(Unjudgeable::errored(format!(
                        "`{}` was recorded as text, not as numbers",
                        metric.series
                    )));
                }
            },
        };
        let reader = Self {
            source,
            function,
            span,
            last: timeline.now,
        };
        if reader.makes_sense() {
            Ok(reader)
        } else {
            Err(Unjudgeable::errored(format!(
                "`{}` was not recorded as a type of series that this function applies to",
                metric.series
            )))
        }
    }

    /// Returns true if the function applies: percentiles need a distribution, and a rate must not have one.
    fn makes_sense(&self) -> bool {
        match (&self.source, self.function) {
            (Source::Walk(_), Some(function)) => function.per_mille().is_none(),
            (Source::Distribution(_), Some(SeriesFunction::Rate)) => false,
            (Source::Walk(_) | Source::Distribution(_) | Source::Absent(_), _) => true,
        }
    }

    /// Returns true if the quantity depends on a whole span rather than on one moment.
    pub(super) fn is_of_a_span(&self) -> bool {
        self.function.is_some() || matches!(self.source, Source::Distribution(_))
    }

    pub(super) fn changes(&self) -> Box<dyn Iterator<Item = Offset> + 'a> {
        match &self.source {
            Source::Walk(walk) => Box::new(walk.series.changes.iter().map(|(t, _)| *t)),
            Source::Distribution(distribution) => Box::new(distribution.changes()),
            Source::Absent(_) => Box::new(std::iter::empty()),
        }
    }

    /// Returns the value at a moment. Moments must not go backwards.
    pub(super) fn read(&mut self, moment: Offset) -> Reading {
        let moment = match self.span {
            ReadSpan::Whole(_, to) if self.is_of_a_span() => to,
            ReadSpan::SoFar | ReadSpan::Whole(..) => moment,
        };
        let moment = moment.min(self.last);
        match &mut self.source {
            Source::Walk(walk) => {
                walk.advance(moment);
                walk.read(self.function, self.span)
            }
            Source::Distribution(distribution) => {
                distribution.advance(moment);
                distribution.read(self.function)
            }
            Source::Absent(Absent::Zero) => match self.function {
                Some(SeriesFunction::First) => NEVER,
                _ => Reading::Value(0.0),
            },
            Source::Absent(Absent::StillRunning) => STILL_RUNNING,
        }
    }
}

/// The reading of `first` for a series that was never above zero.
pub(super) const NEVER: Reading = Reading::Nothing("never");
const STILL_RUNNING: Reading = Reading::Nothing("still running");

/// Walks along the changes of a counter or gauge and keeps the state of all functions.
#[derive(Debug)]
struct Walk<'a> {
    series: &'a Series,
    activity: Option<Activity>,
    from: Offset,
    now: Offset,
    next: usize,
    /// `None` before the first change of an exit status, the one series that has no value then.
    value: Option<i64>,
    at_from: i64,
    max: i64,
    min: i64,
    /// Value times nanoseconds, from `from` to `now`.
    integral: i128,
    first_above_zero: Option<Offset>,
}

impl<'a> Walk<'a> {
    fn start(series: &'a Series, from: Offset, activity: Option<Activity>) -> Self {
        let before_first = (!absent::is_exit_status(&series.declaration.name)).then_some(0);
        let value = series.at(from).or(before_first);
        let number = value.unwrap_or(0);
        Self {
            series,
            activity,
            from,
            now: from,
            next: series.changes.partition_point(|(t, _)| *t <= from),
            value,
            at_from: number,
            max: number,
            min: number,
            integral: 0,
            first_above_zero: (number > 0).then_some(from),
        }
    }

    fn advance(&mut self, to: Offset) {
        while let Some(&(t, value)) = self.series.changes.get(self.next)
            && t <= to
        {
            self.hold_until(t);
            self.value = Some(value);
            self.max = self.max.max(value);
            self.min = self.min.min(value);
            if value > 0 {
                self.first_above_zero.get_or_insert(t);
            }
            self.next += 1;
        }
        self.hold_until(to);
    }

    fn hold_until(&mut self, t: Offset) {
        let held = t.0.saturating_sub(self.now.0);
        let area = i128::from(self.value.unwrap_or(0)) * i128::from(held);
        self.integral = self.integral.saturating_add(area);
        self.now = self.now.max(t);
    }

    fn read(&self, function: Option<SeriesFunction>, span: ReadSpan) -> Reading {
        let Some(value) = self.value else {
            return STILL_RUNNING;
        };
        let unit = self.series.declaration.unit;
        let number = match function {
            None | Some(SeriesFunction::Last) => value as f64,
            Some(SeriesFunction::Max) => self.max as f64,
            Some(SeriesFunction::Min) => self.min as f64,
            Some(SeriesFunction::Mean) => match self.now.0 - self.from.0 {
                0 => value as f64,
                span => self.integral as f64 / span as f64,
            },
            Some(SeriesFunction::First) => {
                return self
                    .first_above_zero
                    .map_or(NEVER, |t| Reading::Value(t.0 as f64 / 1e9));
            }
            Some(SeriesFunction::Rate) => self.rate(value, span),
            Some(
                SeriesFunction::P50
                | SeriesFunction::P90
                | SeriesFunction::P95
                | SeriesFunction::P99
                | SeriesFunction::P999,
            ) => {
                return Reading::Nothing("not a distribution");
            }
        };
        Reading::Value(unit.from_record(number))
    }

    /// Returns the increase per second, or 0 over no time at all.
    fn rate(&self, value: i64, span: ReadSpan) -> f64 {
        let so_far = (self.at_from, self.from, value, self.now);
        let (before, from, after, to) = match (span, self.activity) {
            // From the first change, not from zero: the time in which its increase came about is not known exactly.
            (ReadSpan::SoFar, Some(active)) if active.from < active.to.min(self.now) => {
                let to = active.to.min(self.now);
                let at = |t| self.series.at(t).unwrap_or(0);
                (at(active.from), active.from, at(to), to)
            }
            (ReadSpan::SoFar | ReadSpan::Whole(..), _) => so_far,
        };
        match to.0 - from.0 {
            0 => 0.0,
            nanoseconds => (after as f64 - before as f64) / (nanoseconds as f64 / 1e9),
        }
    }
}
