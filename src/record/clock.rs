//! The one source of time in a run.

use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Time since the start of the run's clock, in nanoseconds. The clock starts when the lab stands and servers listen.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Offset(pub u64);

impl Offset {
    /// The start of the clock.
    pub const ZERO: Self = Self(0);

    /// From a duration; saturates after 584 years.
    pub fn from_duration(value: Duration) -> Self {
        Self(u64::try_from(value.as_nanos()).unwrap_or(u64::MAX))
    }

    /// As a duration since the start of the clock.
    pub fn as_duration(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// As seconds, for people and arithmetic.
    pub fn as_secs_f64(self) -> f64 {
        self.as_duration().as_secs_f64()
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.3}s", self.as_secs_f64());
        f.pad(&text)
    }
}

/// The clock of one run: `CLOCK_MONOTONIC` since its start. Copies agree.
#[derive(Debug, Clone, Copy)]
pub struct RunClock {
    start: Instant,
}

impl RunClock {
    /// A clock that starts after a short while, so that every thread is ready at its zero.
    pub fn starting_in(lead: Duration) -> Self {
        Self {
            start: Instant::now() + lead,
        }
    }

    /// A clock with a given start: that of another process's clock.
    pub fn starting_at(start: Instant) -> Self {
        Self { start }
    }

    /// Time since the start; zero before it.
    pub fn now(&self) -> Offset {
        Offset::from_duration(Instant::now().saturating_duration_since(self.start))
    }

    /// How long it is until the moment that an offset names; zero when it has passed.
    pub fn until(&self, offset: Offset) -> Duration {
        self.instant(offset)
            .saturating_duration_since(Instant::now())
    }

    /// The moment that an offset names.
    pub fn instant(&self, offset: Offset) -> Instant {
        self.start + offset.as_duration()
    }
}
