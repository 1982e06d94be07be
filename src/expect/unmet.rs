//! Whether what the scenario does to packets came to pass: where a fault met no segment, nothing can be learnt about what it
//! was to show.

use std::time::Duration;

use crate::record::Timeline;
use crate::scenario::RunSpec;

/// One sentence where a link was to carry more than the wire does on this machine: what was measured then is the wire.
pub(super) fn wire(spec: &RunSpec, timeline: &Timeline) -> Option<String> {
    let carries = timeline.built.as_ref()?.wire?.rate as f64;
    let links = spec.topology.links.iter();
    let most = links
        .filter_map(|link| link.of_wire().rate)
        .map(|rate| rate.as_per_second())
        .max_by(f64::total_cmp)
        .filter(|rate| *rate > carries)?;
    Some(format!(
        "a link of {most} bit/s is beyond what the lab's wire carried when the run began, {carries} bit/s"
    ))
}

/// Lateness of packets that is always forgiven, nanoseconds: a thread that has to wait for another to use up its slice waits for 3 ms
/// (Linux 6.18 `kernel/sched/fair.c`), a few of those in a row.
const LATE_FORGIVEN: u128 = 10_000_000;
/// The share of a link's delay by which packets may be late.
const LATE_SHARE: u32 = 10;

/// One sentence where packets left a wire much later than the scenario asks: then a failure says nothing of the kernel.
pub(super) fn late_wire(spec: &RunSpec, timeline: &Timeline) -> Option<String> {
    spec.topology.links.iter().find_map(|link| {
        let delay = link.impairment.delay?;
        let name = format!("wire.{}-{}.late", link.between[0], link.between[1]);
        let late = timeline.series(&name)?.last()?;
        let late = Duration::from_nanos(u64::try_from(late).ok()?);
        (late.as_nanos() > LATE_FORGIVEN && late > delay / LATE_SHARE).then(|| {
            format!("the machine was too busy: packets of a link of {delay:?} left up to {late:?} late ({name})")
        })
    })
}

/// One sentence that names every fault that never matched, and of which no expectation says how often it should; `None` where there is
/// none.
pub(super) fn faults(spec: &RunSpec, timeline: &Timeline) -> Option<String> {
    let links = spec.topology.links.iter();
    let unmet: Vec<String> = links
        .flat_map(|link| &link.faults)
        .filter(|fault| {
            let series = format!("{}.matched", fault.name);
            let happened = timeline
                .series(&series)
                .and_then(|series| series.last())
                .is_some_and(|count| count > 0);
            let judged = spec.watched.iter().any(|name| name.as_str() == series);
            !happened && !judged
        })
        .map(|fault| format!("`{}` (line {})", fault.name, fault.place.line))
        .collect();
    (!unmet.is_empty()).then(|| {
        format!(
            "nothing on its link was what this fault waits for: {}; say `NAME.matched == 0` where that is expected",
            unmet.join(", ")
        )
    })
}
