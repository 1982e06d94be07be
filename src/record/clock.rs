//! The one source of time in a run.

use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Time since the start of the run's clock, in nanoseconds. The clock starts when the lab is built and its servers
/// listen.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Offset(pub u64);

impl Offset {
    /// The start of the clock.
    pub const ZERO: Self = Self(0);

    /// Converts a duration since the start of the clock; saturates at 584 years.
    pub fn from_duration(value: Duration) -> Self {
        Self(crate::units::as_nanos(value))
    }

    /// Returns the duration since the start of the clock.
    pub fn as_duration(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Returns the seconds since the start of the clock, for display and arithmetic.
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

/// The clock of one run: `CLOCK_MONOTONIC` counted from its start. All copies agree.
#[derive(Debug, Clone, Copy)]
pub struct RunClock {
    start: Instant,
}

impl RunClock {
    /// Creates a clock that starts after `lead`, so that every thread is ready when it reaches zero.
    pub fn starting_in(lead: Duration) -> Self {
        Self {
            start: Instant::now() + lead,
        }
    }

    /// Creates a clock with the given start, to agree with the clock of another process.
    pub fn starting_at(start: Instant) -> Self {
        Self { start }
    }

    /// Returns the time since the start; zero before it.
    pub fn now(&self) -> Offset {
        Offset::from_duration(Instant::now().saturating_duration_since(self.start))
    }

    /// Returns the time left until `offset`; zero if it has passed.
    pub fn until(&self, offset: Offset) -> Duration {
        self.instant(offset)
            .saturating_duration_since(Instant::now())
    }

    /// Returns the instant at `offset`.
    pub fn instant(&self, offset: Offset) -> Instant {
        self.start + offset.as_duration()
    }
}
