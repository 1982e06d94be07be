//! Whether what the scenario does to packets came to pass: where a fault met no segment, nothing can be learnt about what it
//! was to show.

use crate::record::Timeline;
use crate::scenario::RunSpec;

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
