//! The time that the comparisons will take.

use std::time::Duration;

use super::AdviceRequest;
use super::grouping::groups;
use super::prepare::PreparedComparison;
use crate::compare::Side;
use crate::scenario::RunSpec;
use crate::suite;

/// The time that measurements take, as a multiple of the schedule of their runs: some runs are made again, and runs
/// that must be alone wait for others to end. Files with 6 and 15 comparisons took 1.0 and 1.5 times the schedule.
const OF_THE_SCHEDULE: f64 = 1.2;
/// Share of the estimate by which the measurements may take longer.
const LONGER: f64 = 0.5;
/// Time by which they may take longer in any case: answers that are a minute late are better than none.
const SLACK: Duration = Duration::from_secs(60);

/// Returns the time after which the measurements end if the user has set none.
pub(super) fn bound(estimate: Duration) -> Duration {
    estimate + SLACK.max(estimate.mul_f64(LONGER))
}

/// Estimates the time of the comparisons at these positions: the runs are scheduled as they will be, but not made.
pub(super) fn estimate(
    prepared: &[PreparedComparison],
    positions: &[usize],
    request: &AdviceRequest,
) -> Duration {
    let groups = groups(prepared, positions, false);
    let mut runs: Vec<RunSpec> = Vec::new();
    for group in &groups {
        let sides: Vec<&Side> = group.sides.iter().collect();
        for side in &sides {
            let spec = crate::compare::undisturbed(side, &sides);
            runs.extend(std::iter::repeat_n(spec, request.rounds));
        }
    }
    suite::outlook(&runs, &request.place.backend, request.slots).mul_f64(OF_THE_SCHEDULE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_measurements_have_time_for_a_run_that_is_made_again() {
        let seconds = Duration::from_secs;
        assert_eq!(bound(seconds(4)), seconds(64));
        assert_eq!(bound(seconds(200)), seconds(300));
    }
}
