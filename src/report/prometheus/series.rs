//! What a series of a record is called in OpenMetrics: whose it is becomes a label, what it counts the name.

use super::exposition::{Exposition, Kind, Labels, legal_name};
use crate::record::distribution::{count, merged, quantile};
use crate::record::{Series, SeriesKind, SeriesUnit};
use crate::scenario::RunSpec;

/// Quantiles of a summary.
const QUANTILES: [(&str, f64); 4] = [("0.5", 0.5), ("0.9", 0.9), ("0.99", 0.99), ("0.999", 0.999)];

/// Adds the last value of a counter or gauge, the whole of a distribution; text has no place here.
pub(super) fn add(out: &mut Exposition, series: &Series, spec: &RunSpec, labels: &Labels) {
    let mut labels = labels.clone();
    if series.declaration.emulated {
        labels.add("emulated", "true");
    }
    let name = family(series, spec, &mut labels);
    let help = help(&name, series);
    let in_base = |value: f64| series.declaration.unit.in_base(value);
    match series.declaration.kind {
        SeriesKind::Counter => {
            // A counter that was declared has counted to zero, if nothing else; below that none can be.
            let value = series.last().unwrap_or(0).max(0);
            out.sample(
                &name,
                Kind::Counter,
                &help,
                "_total",
                labels,
                in_base(value as f64),
            );
        }
        SeriesKind::Gauge => {
            if let Some(value) = series.last() {
                out.gauge(&name, &help, labels, in_base(value as f64));
            }
        }
        SeriesKind::Distribution => {
            let values = merged(series);
            for (text, share) in QUANTILES {
                if let Some(value) = quantile(&values, share) {
                    let mut labels = labels.clone();
                    labels.add("quantile", text);
                    out.sample(
                        &name,
                        Kind::Summary,
                        &help,
                        "",
                        labels,
                        in_base(value as f64),
                    );
                }
            }
            let sum: f64 = values
                .iter()
                .map(|(value, count)| *value as f64 * *count as f64)
                .sum();
            out.sample(
                &name,
                Kind::Summary,
                &help,
                "_sum",
                labels.clone(),
                in_base(sum),
            );
            out.sample(
                &name,
                Kind::Summary,
                &help,
                "_count",
                labels,
                count(&values) as f64,
            );
        }
        SeriesKind::Text => {}
    }
}

/// The family of a series; its labels get whose it is, and a TCP state or errno that is part of its name.
fn family(series: &Series, spec: &RunSpec, labels: &mut Labels) -> String {
    let name = series.declaration.name.as_str();
    let (owner, rest) = name.split_once('.').unwrap_or(("", name));
    let acts = actors(spec).any(|actor| actor == owner);
    let kind = if owner.is_empty() || owner == "kernel" {
        ""
    } else if !acts && spec.topology.nodes.contains_key(owner) {
        "node"
    } else {
        "actor"
    };
    let prefix = if kind.is_empty() {
        "nslab_".to_owned()
    } else {
        format!("nslab_{kind}_")
    };
    labels.add(if kind.is_empty() { "owner" } else { kind }, owner);
    let base = match rest.split_once('.') {
        Some(("tcp", state)) => {
            labels.add("state", state);
            legal_name(&prefix, "tcp_sockets")
        }
        Some(("errors", errno)) => {
            labels.add("errno", errno);
            legal_name(&prefix, "errors")
        }
        _ => legal_name(&prefix, rest),
    };
    let unit = match series.declaration.unit {
        SeriesUnit::Nanoseconds => "_seconds",
        SeriesUnit::Bytes => "_bytes",
        SeriesUnit::BytesPerSecond => "_bytes_per_second",
        SeriesUnit::Count | SeriesUnit::Text => "",
    };
    if base.ends_with(unit) {
        base
    } else {
        base + unit
    }
}

fn actors(spec: &RunSpec) -> impl Iterator<Item = &str> {
    let workload = &spec.workload;
    let servers = workload.servers.iter().map(|server| server.name.as_str());
    let clients = workload.clients.iter().map(|client| client.name.as_str());
    servers.chain(clients).chain(
        workload
            .commands
            .iter()
            .map(|command| command.name.as_str()),
    )
}

fn help(family: &str, series: &Series) -> String {
    let name = series.declaration.name.as_str();
    match family {
        "nslab_node_tcp_sockets" => {
            "TCP sockets of a node in a state, at the end of the run.".to_owned()
        }
        "nslab_actor_errors" => "Attempts of a client or server that ended in an error.".to_owned(),
        _ => format!(
            "{}, as expectations name it, at the end of the run.",
            name.split_once('.').map_or(name, |(_, rest)| rest)
        ),
    }
}
