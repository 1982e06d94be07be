//! Finds expectations that the observed errors contradict whatever the load would have been, in a run whose load fell
//! short.
//!
//! An open loop starts each attempt on time or late, never early. So at each moment, the load that was asked for has
//! started at least as many attempts as the one that was observed. Failures of two kinds cannot become fewer then:
//!
//! * ECONNREFUSED, if nothing in the scenario changes with time: nothing listens there, at any load.
//! * EADDRNOTAVAIL within 60 s of the client's start, if no port can become free before. At the full load, each of at
//!   least as many attempts fails or occupies a port until TIME_WAIT ends, and there are no more ports.
//!
//! Only upper bounds on the client's `failed` are decided by both, and `errors.ECONNREFUSED == 0` by the first. At the
//! full load, an attempt could fail in another way, so other counts of errors may be smaller then. Timeouts and resets
//! may come from a slow machine and prove nothing.

use std::time::Duration;

use super::show;
use crate::metrics::client;
use crate::names::{ActorName, SeriesName};
use crate::record::{Offset, Outcome, Series, Timeline, Verdict};
use crate::scenario::expr::{Claim, CompareOp, Expectation, Expr, Tolerance, Window};
use crate::scenario::topology::{Baseline, NodeSpec};
use crate::scenario::workload::{ClientClose, ClientSpec, Load};
use crate::scenario::{RunSpec, port_range};
use crate::units::Unit;

/// Time that a closed connection stays in TIME_WAIT (`TCP_TIMEWAIT_LEN`, Linux `include/net/tcp.h`).
const TIME_WAIT: Duration = Duration::from_secs(60);

/// Returns the rule by which a failed expectation is contradicted at any load; `None` if none applies.
pub(super) fn contradiction(
    spec: &RunSpec,
    expectation: &Expectation,
    verdict: &Verdict,
    timeline: &Timeline,
) -> Option<String> {
    let end = matches!(expectation.window, Window::End | Window::Always);
    if verdict.outcome != Outcome::Failed || !end || !is_steady(spec) {
        return None;
    }
    let (series, most) = upper_bound(&expectation.claim)?;
    let certain = certain_errors(spec, series, most, timeline)?;
    (certain.count as f64 > most).then(|| {
        format!(
            "decided although the load fell short: {} of `{series}` were {}, {}",
            show::number(certain.count as f64, Unit::Count),
            certain.error,
            certain.why
        )
    })
}

/// Errors that the full load would have caused too.
struct CertainErrors {
    count: i64,
    error: &'static str,
    why: &'static str,
}

/// Returns the count and the highest value that a claim allows, if it is an upper bound of one count.
fn upper_bound(claim: &Claim) -> Option<(&SeriesName, f64)> {
    let (Claim::Compare { left: value, .. } | Claim::In { value, .. }) = claim else {
        return None;
    };
    let Expr::Metric(metric) = value else {
        return None;
    };
    let most = match claim {
        Claim::Compare {
            op: CompareOp::Equal,
            right,
            tolerance,
            ..
        } => {
            let most = right.constant()?;
            match tolerance {
                None => most,
                Some(Tolerance::Relative(share)) => most + most.abs() * share,
                Some(Tolerance::Absolute(difference)) => most + difference,
            }
        }
        Claim::Compare {
            op: CompareOp::Less | CompareOp::LessOrEqual,
            right,
            ..
        } => right.constant()?,
        Claim::In { high, .. } => high.constant()?,
        Claim::Compare { .. } | Claim::Matches { .. } => return None,
    };
    Some((&metric.series, most))
}

/// Returns true if nothing in the scenario depends on the time, except its loads: then an attempt has the same result
/// if it starts late.
fn is_steady(spec: &RunSpec) -> bool {
    let workload = &spec.workload;
    let limits = |node: &NodeSpec| {
        let mut rules = node.firewall.iter();
        rules.any(|rule| rule.limit.is_some() || !rule.states.is_empty())
    };
    let mut nodes = spec.topology.nodes.values();
    workload.steps.is_empty()
        && workload.commands.is_empty()
        && (workload.servers.iter()).all(|server| server.start.is_zero())
        && spec
            .topology
            .links
            .iter()
            .all(|link| link.faults.is_empty())
        && nodes.all(|node| node.emulate.is_empty() && !limits(node))
        && workload.clients.iter().all(|client| {
            matches!(
                client.load,
                Load::Connect { .. } | Load::Hold { .. } | Load::Queries(_) | Load::Flood { .. }
            )
        })
}

fn certain_errors(
    spec: &RunSpec,
    series: &SeriesName,
    most: f64,
    timeline: &Timeline,
) -> Option<CertainErrors> {
    let (actor, count) = series.as_str().split_once('.')?;
    let mut clients = spec.workload.clients.iter();
    let client = clients.find(|client| client.name.as_str() == actor)?;
    let of_any_kind = count == client::FAILED.name;
    if of_any_kind || (count == client::ERRORS.with_value("ECONNREFUSED") && most < 1.0) {
        let refused = errors(&client.name, "ECONNREFUSED", timeline)
            .and_then(Series::last)
            .unwrap_or_default();
        if refused as f64 > most {
            return Some(CertainErrors {
                count: refused,
                error: "ECONNREFUSED",
                why: "which no load causes: nothing in this scenario changes with time",
            });
        }
    }
    if !of_any_kind || !keeps_ports(client, spec) {
        return None;
    }
    let series = errors(&client.name, "EADDRNOTAVAIL", timeline)?;
    Some(CertainErrors {
        count: series.at(Offset::from_duration(client.start + TIME_WAIT))?,
        error: "EADDRNOTAVAIL",
        why: "in the first 60 s, when no port can be free again, and a fuller load needs more of them",
    })
}

/// Returns true if each connection of a client occupies a port of its node for as long as TIME_WAIT lasts. Most
/// settings of TCP could change that, and a proxy on the node would use ports too.
fn keeps_ports(client: &ClientSpec, spec: &RunSpec) -> bool {
    let keeps = match &client.load {
        Load::Connect { close, .. } => matches!(close, ClientClose::Client | ClientClose::Hold),
        Load::Hold { .. } => true,
        _ => false,
    };
    let mut settings = (spec.topology.nodes.values()).flat_map(|node| &node.sysctls);
    let mut servers = spec.workload.servers.iter();
    keeps
        && client.options.is_empty()
        && !client.target.ip().is_loopback()
        && spec.topology.baseline == Baseline::Pinned
        && spec.kernel_sysctls.is_empty()
        && settings.all(|setting| setting.key == port_range::KEY)
        && servers.all(|server| server.node != client.node && server.options.is_empty())
}

fn errors<'a>(actor: &ActorName, error: &str, timeline: &'a Timeline) -> Option<&'a Series> {
    timeline.series(client::ERRORS.series_of(actor.as_str(), error).as_str())
}
