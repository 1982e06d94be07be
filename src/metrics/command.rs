//! Metrics of commands, floods and faults.

use super::Metric;
use crate::units::Unit::Count;

pub(crate) static EXIT: Metric = Metric::gauge(
    "exit",
    Count,
    "Exit code, once the command has ended: 128 + N if signal N ended it, 124 if it ran out of time.",
    "waitpid(2)",
);
pub(crate) static STDOUT: Metric = Metric::text(
    "stdout",
    "Lines that the command wrote to standard output.",
    "a pipe",
);
pub(crate) static STDERR: Metric = Metric::text(
    "stderr",
    "Lines that the command wrote to standard error.",
    "a pipe",
);
pub(crate) static SENT: Metric = Metric::counter(
    "sent",
    Count,
    "SYNs that were sent.",
    "sendto(2) on a raw socket",
);
pub(crate) static MATCHED: Metric = Metric::counter(
    "matched",
    Count,
    "Segments that the fault applied to.",
    "the lab's own wire, packet(7)",
);

pub(crate) const OF_COMMAND: &[&Metric] = &[&EXIT, &STDOUT, &STDERR];
pub(crate) const OF_FLOOD: &[&Metric] = &[&SENT];
pub(crate) const OF_FAULT: &[&Metric] = &[&MATCHED];
