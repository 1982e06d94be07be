//! Metrics of the lab's own wire. Their series are called `wire.A-B.lost`.

use super::{Metric, Recorded};
use crate::units::Unit::{Count, Seconds};

const SOURCE: &str = "the lab's own wire, packet(7)";

const fn packets(name: &'static str, meaning: &'static str) -> Metric {
    Metric::counter(name, Count, meaning, SOURCE).recorded(Recorded::Internally)
}

pub(crate) static LOST: Metric =
    packets("lost", "Packets dropped at random, as the scenario asks.");
pub(crate) static OVERRUN: Metric = packets(
    "overrun",
    "Packets dropped because the queue of the rate limit was full, as the scenario asks.",
);
pub(crate) static REORDERED: Metric = packets(
    "reordered",
    "Packets that skipped the delay, as the scenario asks.",
);
pub(crate) static DUPLICATED: Metric = packets(
    "duplicated",
    "Packets that were sent twice, as the scenario asks.",
);
pub(crate) static CUT: Metric = packets(
    "cut",
    "Packets dropped because the link is cut, as the scenario asks.",
);
pub(crate) static LATE: Metric = Metric::gauge(
    "late",
    Seconds,
    "The greatest delay so far of a packet beyond what the scenario asks.",
    SOURCE,
)
.recorded(Recorded::Internally);
pub(crate) static DROPPED: Metric = packets(
    "dropped",
    "Packets that were lost without the scenario asking for it, because a buffer was full.",
);

pub(crate) const ALL: &[&Metric] = &[
    &LOST,
    &OVERRUN,
    &REORDERED,
    &DUPLICATED,
    &CUT,
    &LATE,
    &DROPPED,
];
