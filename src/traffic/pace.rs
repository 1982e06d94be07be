//! When the attempts of an open loop start: pure arithmetic.

use std::time::Duration;

use crate::scenario::workload::Schedule;

impl Schedule {
    /// How long the schedule lasts: as long as it takes a rate that goes linearly from `from` to `to` to add up to `count`.
    pub fn span(&self) -> Duration {
        Duration::from_secs_f64(self.span_seconds())
    }

    /// Mean of the rates, a second.
    pub fn mean_rate(&self) -> f64 {
        f64::midpoint(self.from.as_per_second(), self.to.as_per_second())
    }

    /// When attempt `index` (from 0) is to start, after the start of the schedule. Each is computed on its own, so that nothing drifts.
    pub fn start_of(&self, index: u64) -> Duration {
        let (from, to) = (self.from.as_per_second(), self.to.as_per_second());
        let growth = (to - from) / self.span_seconds();
        let index = index as f64;
        // The time at which from * t + growth * t^2 / 2 = index, in the form that is also right where growth is zero.
        let root = (from * from + 2.0 * growth * index).max(0.0).sqrt();
        Duration::from_secs_f64(2.0 * index / (from + root))
    }

    fn span_seconds(&self) -> f64 {
        self.count as f64 / self.mean_rate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Rate;

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
        assert_eq!(schedule.span(), Duration::from_secs(10_000_000));
    }

    #[test]
    fn a_ramp_starts_at_one_rate_and_ends_at_the_other() {
        let schedule = schedule(100.0, 2_000.0, 63_000);
        assert_eq!(schedule.span(), Duration::from_secs(60));
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
        assert!(schedule.start_of(62_999) < schedule.span());
    }

    #[test]
    fn a_ramp_can_go_down() {
        let schedule = schedule(2_000.0, 100.0, 63_000);
        assert!(schedule.start_of(62_999) < schedule.span());
        let starts: Vec<_> = (0..63_000).map(|index| schedule.start_of(index)).collect();
        assert!(starts.is_sorted());
    }
}
