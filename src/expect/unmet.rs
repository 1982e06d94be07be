//! Checks that what the scenario does to packets took place. If a fault matched no segment, the run proves
//! nothing about its effect.

use std::time::Duration;

use crate::metrics::command;
use crate::record::Timeline;
use crate::scenario::RunSpec;

/// Returns a sentence if a link should carry more than the wire can on this machine, so that the wire was measured.
pub(super) fn wire(spec: &RunSpec, timeline: &Timeline) -> Option<String> {
    let carries = timeline.built.as_ref()?.wire?.rate as f64;
    let links = spec.topology.links.iter();
    let most = links
        .filter_map(|link| link.of_wire().rate)
        .map(|rate| rate.as_per_second())
        .max_by(f64::total_cmp)
        .filter(|rate| *rate > carries)?;
    Some(format!(
        "a link of {most} bit/s is faster than the lab's wire on this machine, {carries} bit/s when the run began"
    ))
}

/// The lateness of packets that is always acceptable, in nanoseconds: a few times the 3 ms for which a thread waits for
/// another to use up its slice (Linux 6.18 `kernel/sched/fair.c`).
const LATE_FORGIVEN: u128 = 10_000_000;
/// The share of a link's delay by which packets may be late.
const LATE_SHARE: u32 = 10;

/// Returns a sentence if packets left a wire much later than the scenario asks, so that a failure proves nothing.
pub(super) fn late_wire(spec: &RunSpec, timeline: &Timeline) -> Option<String> {
    spec.topology.links.iter().find_map(|link| {
        let delay = link.impairment.delay?;
        let name = format!("wire.{}-{}.late", link.between[0], link.between[1]);
        let late = timeline.series(&name)?.last()?;
        let late = Duration::from_nanos(u64::try_from(late).ok()?);
        (late.as_nanos() > LATE_FORGIVEN && late > delay / LATE_SHARE).then(|| {
            format!(
                "the machine was too busy: packets of a link with a delay of {delay:?} left up to {late:?} late \
                 ({name})"
            )
        })
    })
}

/// Returns a sentence that names every fault that never matched, unless an expectation is about its count.
pub(super) fn faults(spec: &RunSpec, timeline: &Timeline) -> Option<String> {
    let links = spec.topology.links.iter();
    let unmet: Vec<String> = links
        .flat_map(|link| &link.faults)
        .filter(|fault| {
            let series = command::MATCHED.series(fault.name.as_str());
            let happened = timeline
                .series(series.as_str())
                .and_then(|series| series.last())
                .is_some_and(|count| count > 0);
            let judged = spec.watched.contains(&series);
            !happened && !judged
        })
        .map(|fault| format!("`{}` (line {})", fault.name, fault.place.line))
        .collect();
    (!unmet.is_empty()).then(|| {
        format!(
            "no segment on the link matched this fault: {}; expect `NAME.matched == 0` if that is intended",
            unmet.join(", ")
        )
    })
}
