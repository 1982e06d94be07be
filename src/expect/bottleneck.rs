//! Names the thread that kept a load from reaching its requested rate, because its work takes more processor time than
//! there is between two attempts.
//!
//! Such a load does not get better when it is tried again, unlike one that waited for processors.

use super::show;
use crate::metrics::{self, node};
use crate::record::{LoadReport, Timeline};
use crate::scenario::workload::{Accept, PortChoice};
use crate::scenario::{RunSpec, port_range};
use crate::units::Unit;

/// The share of a processor at which a thread is at its limit: the rest is the kernel's own scheduling. It is compared
/// with the time that the load should have taken, so it does not depend on what else the machine did.
const BUSY: f64 = 0.85;
/// The share of the range of ports above which the kernel's search for a free one takes long. From half of the range
/// on, it looks at ports of the other parity too, one by one (Linux 6.18 `net/ipv4/inet_hashtables.c`,
/// `__inet_hash_connect`).
const SEARCH: f64 = 0.5;

/// Returns a sentence that names the thread that was at its limit, the call and the reason; `None` if none was.
pub(super) fn of(load: &LoadReport, spec: &RunSpec, timeline: &Timeline) -> Option<String> {
    let offered = load.started as f64 / load.offered_rate;
    let client = spec
        .workload
        .clients
        .iter()
        .find(|client| client.name == load.client)?;
    let each = |cpu: f64| {
        let each = show::number(cpu / load.started.max(1) as f64, Unit::Seconds);
        let between = show::number(1.0 / load.offered_rate, Unit::Seconds);
        format!("needs {each} of processor time for each attempt, and one is due every {between}")
    };
    let cpu = load.cpu as f64 / 1e9;
    if cpu >= BUSY * offered {
        let searches = client.port == PortChoice::Kernel
            && used_ports(client.node.as_str(), spec, timeline) >= SEARCH;
        let why = if searches {
            "most of it in connect(2), where the kernel searches for a free port once half of the range is in use \
             (inferred); `port: sequential` avoids the search"
        } else {
            "so no more attempts fit into the time"
        };
        return Some(format!(
            "the thread of client `{}` {}: {why}",
            load.client,
            each(cpu)
        ));
    }
    // That of a pool is the sum of its threads.
    let mut servers = spec.workload.servers.iter();
    let (busy, cpu) = servers.find_map(|server| {
        if let Accept::Pool { .. } = server.accept {
            return None;
        }
        let cpu = timeline.series(metrics::server::CPU.series(server.name.as_str()).as_str());
        let cpu = cpu
            .and_then(crate::record::Series::last)
            .unwrap_or_default();
        let cpu = cpu as f64 / 1e9;
        (cpu >= BUSY * offered).then_some((server, cpu))
    })?;
    let by_kernel = (busy.forward.as_ref()).filter(|forward| forward.port == PortChoice::Kernel);
    let searches = by_kernel.filter(|_| used_ports(busy.node.as_str(), spec, timeline) >= SEARCH);
    let why = if let Some(forward) = searches {
        let to =
            (forward.to.as_ref()).map_or_else(|| forward.target.to_string(), ToString::to_string);
        &format!(
            "most of it in connect(2) to the server behind it, where the kernel searches for a free port once half of \
             the range is in use (inferred); `forward: {{ to: {to}, port: sequential }}` avoids the search"
        )
    } else {
        "so requests waited for it"
    };
    Some(format!(
        "the thread of server `{}` {}: {why}",
        busy.name,
        each(cpu)
    ))
}

/// Returns true if a load was held up by a thread at its limit. Another attempt would end in the same way.
pub fn is_at_a_limit(spec: &RunSpec, timeline: &Timeline) -> bool {
    timeline.loads.iter().any(|load| {
        super::load::is_short(load, spec, timeline) && of(load, spec, timeline).is_some()
    })
}

/// Returns the share of the node's range of ports that connections in TIME_WAIT occupied at most.
fn used_ports(of: &str, spec: &RunSpec, timeline: &Timeline) -> f64 {
    let series = timeline.series(node::TCP.series_of(of, "TIME_WAIT").as_str());
    let most = series.and_then(|series| series.changes.iter().map(|(_, count)| *count).max());
    let range = spec
        .topology
        .nodes
        .iter()
        .find(|(name, _)| name.as_str() == of)
        .and_then(|(_, node)| {
            node.sysctls
                .iter()
                .find(|sysctl| sysctl.key == port_range::KEY)
        })
        .and_then(|sysctl| {
            let mut ports = sysctl.value.split_whitespace().map(str::parse::<f64>);
            let (first, last) = (ports.next()?.ok()?, ports.next()?.ok()?);
            Some(last - first + 1.0)
        });
    let [first, last] = port_range::DEFAULT;
    most.unwrap_or_default() as f64 / range.unwrap_or((last - first + 1) as f64)
}
