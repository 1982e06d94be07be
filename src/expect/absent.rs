//! The meaning of a series that is missing from a record, which depends on its name.
//!
//! Names are `OWNER.REST`. Metrics of actors are in lower case (`load.established`); those of a node's kernel are
//! `tcp.STATE`, `conntrack.STATISTIC`, `memory.tcp`, or a counter as the kernel spells it (`TcpExtListenDrops`).

use super::evidence::Unjudgeable;
use crate::metrics::{self, Subject, client, command, kernel_counters};
use crate::names::SeriesName;
use crate::units::Unit;

/// The value in place of a series that was not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// The event never happened, so it was counted 0 times.
    Zero,
    /// The command has not ended, so there is no exit status.
    StillRunning,
}

/// Returns true if a series is the exit status of a command. Until its first value, the command is still running.
pub(super) fn is_exit_status(series: &SeriesName) -> bool {
    rest(series) == command::EXIT.name
}

/// Returns the value in place of a missing series of numbers.
///
/// # Errors
/// Not applicable if the series is a node's, because this kernel or machine does not have it; errored if it is an
/// actor's, which the record should have.
pub(super) fn stand_in(series: &SeriesName) -> Result<Absent, Unjudgeable> {
    let rest = rest(series);
    if client::ERRORS.value_in(rest).is_some() || client::STATUS.value_in(rest).is_some() {
        return Ok(Absent::Zero);
    }
    if is_exit_status(series) {
        return Ok(Absent::StillRunning);
    }
    if let Some(field) = rest.strip_prefix("tcp_info.") {
        let field = field.split('.').next().unwrap_or(field);
        return Err(Unjudgeable::not_applicable(format!(
            "this kernel's tcp_info has no {field}: nothing was recorded of `{series}`"
        )));
    }
    if let Some(statistic) = rest.strip_prefix("conntrack.") {
        return Err(Unjudgeable::not_applicable(format!(
            "this kernel has no conntrack statistic {statistic}: nothing was recorded of `{series}`"
        )));
    }
    if is_kernel_counter(series) {
        return Err(Unjudgeable::not_applicable(format!(
            "this kernel has no counter {rest}: nothing was recorded of `{series}`"
        )));
    }
    if let Some(objects) = rest.strip_prefix("slab.") {
        return Err(Unjudgeable::not_applicable(format!(
            "the kernel's {objects} objects cannot be read here (only root may read /proc/slabinfo, and some kernels \
            merge caches): nothing was recorded of `{series}`"
        )));
    }
    if is_of_a_node(series) {
        return Err(Unjudgeable::not_applicable(format!(
            "this kernel or machine does not provide {rest}: nothing was recorded of `{series}`"
        )));
    }
    Err(Unjudgeable::errored(format!(
        "the record has no series `{series}`"
    )))
}

/// Returns true if a probe recorded the series of a node or of the kernel, rather than an actor its own.
pub(super) fn is_of_a_node(series: &SeriesName) -> bool {
    let is_probed = |subject| {
        metrics::find(subject, rest(series)).is_some_and(|metric| metric.unit != Unit::Text)
    };
    is_kernel_counter(series) || is_probed(Subject::Node) || is_probed(Subject::Kernel)
}

/// Returns true if a series is a counter of the kernel.
pub(super) fn is_kernel_counter(series: &SeriesName) -> bool {
    kernel_counters::is_spelled_like_one(rest(series))
}

/// Returns the part of a series' name before its first dot: a client, server, command or node.
pub(super) fn owner(series: &SeriesName) -> &str {
    split(series).0
}

pub(super) fn rest(series: &SeriesName) -> &str {
    split(series).1
}

fn split(series: &SeriesName) -> (&str, &str) {
    series
        .as_str()
        .split_once('.')
        .unwrap_or((series.as_str(), ""))
}
