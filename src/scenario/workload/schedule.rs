//! The schedule of an open loop: pure arithmetic.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::Rate;

/// The start times of an open loop's attempts: the rate changes linearly from `from` to `to`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Rate at the start.
    pub from: Rate,
    /// Rate at the end; equal to `from` for a constant rate.
    pub to: Rate,
    /// Number of attempts in all, at least 1.
    pub count: u64,
}

impl Schedule {
    /// Returns the time that the schedule takes: until a rate that changes linearly from `from` to `to`
    /// adds up to `count`.
    pub fn duration(&self) -> Duration {
        duration(self.seconds())
    }

    /// Returns the higher of the two rates.
    pub fn peak_rate(&self) -> Rate {
        if self.from > self.to {
            self.from
        } else {
            self.to
        }
    }

    /// Returns the mean of the two rates, which is the mean over the whole schedule.
    pub fn mean_rate(&self) -> Rate {
        self.from.midpoint(self.to)
    }

    /// Returns the start time of attempt `index` (from 0), from the start of the schedule. Each time is
    /// computed on its own, so that errors do not add up.
    pub fn start_of(&self, index: u64) -> Duration {
        let (from, to) = (self.from.as_per_second(), self.to.as_per_second());
        let growth = (to - from) / self.seconds();
        let index = index as f64;
        // The time at which from * t + growth * t^2 / 2 = index, in the form that also works if growth is zero.
        let root = (from * from + 2.0 * growth * index).max(0.0).sqrt();
        duration(2.0 * index / (from + root))
    }

    /// Returns the most attempts that start within any period of this length, at the peak rate.
    pub fn count_within(&self, period: Duration) -> u64 {
        let at_peak = self.peak_rate().as_per_second() * period.as_secs_f64();
        // The product is finite and not negative; a cast from a float saturates.
        self.count.min(at_peak as u64)
    }

    fn seconds(&self) -> f64 {
        self.count as f64 / self.mean_rate().as_per_second()
    }
}

/// The longest duration of a schedule: longer than any run, and short enough to be added to others.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Returns a duration of this many seconds, at most [`LONGEST`].
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).map_or(LONGEST, |duration| duration.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_of_any_rates_has_durations_that_can_be_added() {
        let rates = [f64::MIN_POSITIVE, 1e-308, 1e-9, 1.0, 1e9, 1e308];
        for (from, to) in rates.iter().flat_map(|from| rates.map(|to| (*from, to))) {
            for count in [1, 1000, u64::MAX] {
                let schedule = schedule(from, to, count);
                let _sum = schedule.duration() + schedule.start_of(count - 1);
            }
        }
    }

    fn schedule(from: f64, to: f64, count: u64) -> Schedule {
        Schedule {
            from: Rate::per_second(from).unwrap(),
            to: Rate::per_second(to).unwrap(),
            count,
        }
    }

    #[test]
    fn a_constant_rate_does_not_drift() {
        let schedule = schedule(300.0, 300.0, 3_000_000_000);
        assert_eq!(schedule.start_of(0), Duration::ZERO);
        assert_eq!(schedule.start_of(3), Duration::from_millis(10));
        let late = schedule.start_of(2_999_999_700);
        assert_eq!(late, Duration::from_secs(9_999_999), "after 115 days");
        assert_eq!(schedule.duration(), Duration::from_secs(10_000_000));
    }

    #[test]
    fn a_ramp_starts_at_one_rate_and_ends_at_the_other() {
        let schedule = schedule(100.0, 2_000.0, 63_000);
        assert_eq!(schedule.duration(), Duration::from_secs(60));
        let gap = |index| {
            (schedule.start_of(index + 1) - schedule.start_of(index))
                .as_secs_f64()
                .recip()
        };
        assert!((gap(0) - 100.0).abs() < 1.0, "{}", gap(0));
        assert!((gap(62_998) - 2_000.0).abs() < 1.0, "{}", gap(62_998));
        // Half of the time brings a quarter of the way up: 30 s * (100 + 1050) / 2.
        let half = schedule.start_of(17_250).as_secs_f64();
        assert!((half - 30.0).abs() < 1e-6, "{half}");
        assert!(schedule.start_of(62_999) < schedule.duration());
    }

    #[test]
    fn a_ramp_can_go_down() {
        let schedule = schedule(2_000.0, 100.0, 63_000);
        assert!(schedule.start_of(62_999) < schedule.duration());
        let starts: Vec<_> = (0..63_000).map(|index| schedule.start_of(index)).collect();
        assert!(starts.is_sorted());
    }
}
