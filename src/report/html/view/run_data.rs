//! The data of a run for the scripts: a JSON object of columns.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::columns::{TextTable, differences, nanos};
use super::connection_data::ConnectionColumns;
use super::{explanation, series_data, tracked_data, window_data};
use crate::ladder::{Histories, histories, histories_of_trace};
use crate::names::NodeName;
use crate::record::{Capture, KernelFact, Offset, Timeline};
use crate::report::evidence::run_label;
use crate::report::printable::one_line;
use crate::suite::RunResult;

/// The most connections and packets of a run.
const MOST: (usize, usize) = (20_000, 300_000);

/// Returns the data of a run with its capture, if it has one that can be read.
pub(super) fn run_data(run: &RunResult, capture: Result<Option<Capture>, String>) -> Value {
    let (spec, timeline) = (&run.spec, &run.timeline);
    let mut texts = TextTable::default();
    let nodes: Vec<NodeName> = spec.topology.nodes.keys().cloned().collect();
    let mut notes = Vec::new();
    let traced = !timeline.traced.is_empty();
    let has_packets = matches!(&capture, Ok(Some(_)));
    let Histories {
        connections,
        left_out,
        notes: more,
    } = connections(run, capture, &mut notes);
    notes.extend(more);
    if left_out > 0 {
        notes.push(format!(
            "{left_out} more connections are left out to keep this page quick"
        ));
    }
    let mut columns = ConnectionColumns::default();
    for history in &connections {
        if let Some(began) = history.began {
            columns.add(history, nanos(began), &nodes, &mut texts);
        }
    }
    let events = events(timeline, &nodes, &mut texts);
    let windows = window_data::windows(timeline, &nodes, &mut texts);
    let tracked = tracked_data::tracked(timeline, &nodes, &mut texts);
    let (series, without) = series_data::series_data(run, &mut texts);
    if without > 0 {
        notes.push(format!(
            "{without} series are left out to keep this page quick"
        ));
    }
    let index = |name: &NodeName| nodes.iter().position(|node| node == name);
    let links = spec.topology.links.iter();
    let links: Vec<_> = links
        .map(|link| link.between.each_ref().map(index))
        .collect();
    json!({
        "name": one_line(&spec.id.scenario),
        "label": one_line(&run_label(&spec.id)),
        "kernel": timeline.environment.as_ref().map(|environment| one_line(&environment.kernel_release)),
        "outcome": run.verdict.outcome.as_str(),
        "end": end(timeline).0,
        "traced": traced,
        "captured": has_packets,
        "notes": notes.iter().map(|note| one_line(note)).collect::<Vec<_>>(),
        "nodes": nodes,
        "links": links,
        "columns": columns.into_value(),
        "events": events,
        "windows": windows,
        "tracked": tracked,
        "series": series,
        "verdicts": verdicts(run),
        "moments": moments(run),
        "settings": settings(timeline),
        "why": explanation::table(),
        "texts": texts.into_texts(),
    })
}

/// Returns the connections of the capture, or those of the trace if there is no capture.
fn connections(
    run: &RunResult,
    capture: Result<Option<Capture>, String>,
    notes: &mut Vec<String>,
) -> Histories {
    let (spec, timeline) = (&run.spec, &run.timeline);
    match capture {
        Ok(Some(capture)) => match histories(&capture, spec, timeline, MOST) {
            Ok(found) => return found,
            Err(error) => notes.push(format!("no packets are shown: cannot {error}")),
        },
        Ok(None) => notes.push("the run has no capture, so no packets are shown".to_owned()),
        Err(why) => notes.push(format!("no packets are shown: cannot {why}")),
    }
    histories_of_trace(spec, timeline, MOST.0)
}

fn end(timeline: &Timeline) -> Offset {
    let traced = timeline.traced.last().map_or(Offset::ZERO, |event| event.t);
    timeline.now.max(traced)
}

/// Returns what the kernel reported besides states: drops, retransmissions and resets.
fn events(timeline: &Timeline, nodes: &[NodeName], texts: &mut TextTable) -> Value {
    let mut rows: Vec<(i64, usize, &str, i64, i64, i64)> = Vec::new();
    let mut optional = |text: Option<&str>| {
        text.map_or(-1, |text| i64::try_from(texts.number(text)).unwrap_or(-1))
    };
    for event in &timeline.traced {
        let (kind, said) = match &event.what {
            KernelFact::State { .. } | KernelFact::Window { .. } => continue,
            KernelFact::Drop {
                reason,
                flags,
                bound,
                ..
            } => {
                let flags = flags.as_ref().map(|flags| format!(" {flags}"));
                let bound = bound.as_ref().map(|bound| format!(": {bound}"));
                let (flags, bound) = (flags.unwrap_or_default(), bound.unwrap_or_default());
                ("drop", Some(format!("{reason}{flags}{bound}")))
            }
            KernelFact::Retransmission => ("again", None),
            KernelFact::ResetSent { reason } => ("reset-sent", reason.clone()),
            KernelFact::ResetReceived => ("reset-received", None),
        };
        let Some(node) = nodes.iter().position(|node| *node == event.node) else {
            continue;
        };
        let address = |address: Option<std::net::SocketAddr>| address.map(|it| it.to_string());
        rows.push((
            event.t.0.cast_signed(),
            node,
            kind,
            optional(said.as_deref()),
            optional(address(event.local).as_deref()),
            optional(address(event.peer).as_deref()),
        ));
    }
    json!({
        "t": differences(rows.iter().map(|row| row.0)),
        "node": rows.iter().map(|row| row.1).collect::<Vec<_>>(),
        "kind": rows.iter().map(|row| row.2).collect::<Vec<_>>(),
        "text": rows.iter().map(|row| row.3).collect::<Vec<_>>(),
        "local": rows.iter().map(|row| row.4).collect::<Vec<_>>(),
        "peer": rows.iter().map(|row| row.5).collect::<Vec<_>>(),
    })
}

fn verdicts(run: &RunResult) -> Vec<Value> {
    let each = run.verdict.judged().iter().map(|verdict| {
        json!({
            "text": one_line(&verdict.text),
            "line": verdict.line,
            "outcome": verdict.outcome.as_str(),
            "t": verdict.decided_at.map(|at| at.0),
            "observed": one_line(&verdict.observed_text()),
            "reason": verdict.reason.as_deref().map(one_line),
        })
    });
    each.collect()
}

fn moments(run: &RunResult) -> Vec<Value> {
    let each = run.spec.moments.iter().map(|moment| {
        json!({
            "t": nanos(moment.at),
            "note": one_line(&moment.note),
            "connection": moment.connection.as_deref().map(one_line),
        })
    });
    each.collect()
}

/// Returns the settings that explanations name, by node.
fn settings(timeline: &Timeline) -> BTreeMap<&str, BTreeMap<&str, &str>> {
    let named: BTreeSet<&str> = explanation::settings().collect();
    let Some(environment) = &timeline.environment else {
        return BTreeMap::new();
    };
    let nodes = environment.sysctls.iter().map(|(node, settings)| {
        let whole = environment.kernel_sysctls.iter();
        let settings = settings.iter().chain(whole);
        let settings = settings.filter(|(key, _)| named.contains(key.as_str()));
        let settings = settings.map(|(key, value)| (key.as_str(), value.as_str()));
        (node.as_str(), settings.collect())
    });
    nodes.collect()
}
