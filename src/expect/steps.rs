//! Checks that the steps of the scenario were taken on time.

use super::show;
use crate::record::{Offset, TakenStep, Timeline};
use crate::units::Unit;

/// The lateness of a step that is always acceptable, in nanoseconds: half the default sampling interval, as for the
/// starts of connections.
const LATE_FORGIVEN: u64 = 50_000_000;

/// The same for the end of a step, in nanoseconds. The longest step of the shipped scenarios, a reset of all
/// connections of a server, took 78 ms on two busy processors.
const LONG_FORGIVEN: u64 = 250_000_000;

/// Returns a sentence if a step began late although the step before it was complete. What followed then happened at
/// other times than the scenario gives, so the run proves nothing.
pub(super) fn late_start(timeline: &Timeline) -> Option<String> {
    let mut free = Offset::ZERO;
    timeline.steps.iter().find_map(|step| {
        let could_begin = step.due.max(free);
        free = step.end();
        let late = step.t.0.saturating_sub(could_begin.0);
        (late > LATE_FORGIVEN).then(|| {
            let late = show::number(late as f64 / 1e9, Unit::Seconds);
            format!(
                "the machine was too busy: {} began {late} late",
                subject(step)
            )
        })
    })
}

/// Returns a sentence if a step was complete late, so that a failure proves nothing. Some steps take their time on any
/// machine, such as a flush of a large conntrack table; expectations that hold nevertheless hold.
pub(super) fn late_end(timeline: &Timeline) -> Option<String> {
    timeline.steps.iter().find_map(|step| {
        let late = step.end().0.saturating_sub(step.due.0);
        (late > LONG_FORGIVEN).then(|| {
            let late = show::number(late as f64 / 1e9, Unit::Seconds);
            format!("{} was complete {late} late", subject(step))
        })
    })
}

fn subject(step: &TakenStep) -> String {
    let due = show::number(step.due.as_secs_f64(), Unit::Seconds);
    format!("the step at {due} (line {})", step.line)
}
