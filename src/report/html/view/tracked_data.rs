//! The entries of connection tracking tables as columns.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::columns::{TextTable, differences};
use crate::names::NodeName;
use crate::record::{Timeline, TrackedEntry, TrackedFact};

/// An entry that exists: its node, number and addresses.
type EntryKey<'a> = (&'a NodeName, u32, [SocketAddr; 2]);

/// Returns the entries, each once, and the reports about them: time, entry, state, timeout and bits (1: answered, 2:
/// assured, 4: read late, 8: removed). `followed` are the spans of the tables whose reports are complete.
pub(super) fn tracked(timeline: &Timeline, nodes: &[NodeName], texts: &mut TextTable) -> Value {
    let mut entries: Vec<[usize; 4]> = Vec::new();
    let mut living: BTreeMap<EntryKey<'_>, usize> = BTreeMap::new();
    let mut reports: Vec<[i64; 5]> = Vec::new();
    let mut followed: BTreeMap<usize, Value> = BTreeMap::new();
    for event in &timeline.tracked {
        let Some(node) = nodes.iter().position(|node| *node == event.node) else {
            continue;
        };
        let t = event.t.0.cast_signed();
        let (removed, entry) = match &event.what {
            TrackedFact::Followed => {
                followed.insert(node, json!({ "node": node, "from": t, "until": null }));
                continue;
            }
            TrackedFact::Left { reason } => {
                if let Some(span) = followed.get_mut(&node) {
                    span["until"] = t.into();
                    span["reason"] = texts.number(reason).into();
                }
                continue;
            }
            TrackedFact::Entry(entry) => (false, entry),
            TrackedFact::Removed(entry) => (true, entry),
        };
        let key = (&event.node, entry.id, entry.original);
        let index = match living.get(&key) {
            Some(index) => *index,
            // Made before the table was followed.
            None if removed => continue,
            None => {
                let way = |[from, to]: [SocketAddr; 2]| format!("{from} → {to}");
                entries.push([
                    node,
                    texts.number(&entry.protocol),
                    texts.number(&way(entry.original)),
                    texts.number(&way(entry.reply)),
                ]);
                entries.len() - 1
            }
        };
        if removed {
            living.remove(&key);
        } else {
            living.insert(key, index);
        }
        reports.push(report(t, index, (removed, entry), texts));
    }
    let column = |index: usize| reports.iter().map(|row| row[index]).collect::<Vec<_>>();
    let filled = timeline
        .built
        .iter()
        .flat_map(|built| &built.conntrack_room);
    let filled: BTreeMap<&str, u32> = filled
        .map(|(node, room)| (node.as_str(), room.filled))
        .collect();
    json!({
        "entries": entries,
        "t": differences(column(0)),
        "entry": column(1),
        "state": column(2),
        "timeout": column(3),
        "bits": column(4),
        "followed": followed.into_values().collect::<Vec<_>>(),
        "filled": filled,
    })
}

fn report(
    t: i64,
    index: usize,
    (removed, entry): (bool, &TrackedEntry),
    texts: &mut TextTable,
) -> [i64; 5] {
    let number = |index: usize| i64::try_from(index).unwrap_or(-1);
    let state = entry.state.as_deref();
    let bits = [entry.answered, entry.assured, entry.late, removed];
    let bits = bits.iter().zip([1, 2, 4, 8]);
    [
        t,
        number(index),
        state.map_or(-1, |state| number(texts.number(state))),
        entry.timeout.map_or(-1, i64::from),
        bits.map(|(set, bit)| i64::from(*set) * bit).sum(),
    ]
}
