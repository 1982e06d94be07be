//! Notes about the entries that connection tracking had for a connection, as the kernel reported them.

use std::time::Duration;

use crate::names::NodeName;
use crate::record::{Offset, Timeline, TrackedEntry, TrackedEvent, TrackedFact};
use crate::tcp::AddressPair;

/// The longest time between the first packet of a connection and the report of its entry, in either order: clocks
/// differ a little, and a report that the kernel did not stamp comes some milliseconds later.
const NEAR: Duration = Duration::from_millis(20);

/// Returns a note for each node of a path whose table was followed. `pair` are the addresses of the client and of its
/// target, `began` and `ended` the times of the attempt and of the next one with these addresses.
pub(super) fn notes(
    timeline: &Timeline,
    nodes: &[NodeName],
    mut pair: AddressPair,
    (began, ended): (Offset, Offset),
) -> Vec<String> {
    let latest = Offset::from_duration(began.as_duration() + NEAR);
    let mut notes = Vec::new();
    for node in nodes {
        let events: Vec<&TrackedEvent> = (timeline.tracked.iter())
            .filter(|event| event.node == *node)
            .collect();
        if !is_followed(&events, latest) {
            continue;
        }
        let of_pair: Vec<(Offset, bool, &TrackedEntry)> = (events.iter())
            .filter_map(|event| of_pair(event, pair))
            .filter(|(t, ..)| *t < ended)
            .collect();
        // An entry may be there from before, or made for this attempt.
        let id = of_pair
            .iter()
            .rfind(|(t, removed, _)| *t <= latest && !removed);
        let removed_before = |id: u32| {
            let mut earlier = of_pair.iter().filter(|(t, ..)| *t < began);
            earlier.any(|(_, removed, entry)| *removed && entry.id == id)
        };
        let Some((.., entry)) = id.filter(|(.., entry)| !removed_before(entry.id)) else {
            let (from, to) = pair;
            notes.push(format!(
                "`{node}` made no connection tracking entry for {from} → {to}"
            ));
            continue;
        };
        let own = of_pair.iter().filter(|(.., other)| other.id == entry.id);
        notes.push(note(node, entry, own.copied()));
        pair = (entry.reply[1], entry.reply[0]);
    }
    notes
}

/// Returns true if the record has every report about the table at this time.
fn is_followed(events: &[&TrackedEvent], t: Offset) -> bool {
    let mut before = events.iter().filter(|event| event.t <= t);
    let latest = before
        .rfind(|event| matches!(event.what, TrackedFact::Followed | TrackedFact::Left { .. }));
    latest.is_some_and(|event| event.what == TrackedFact::Followed)
}

/// Returns the report if it is about an entry for packets between these addresses, and whether it was removed.
fn of_pair(event: &TrackedEvent, (from, to): AddressPair) -> Option<(Offset, bool, &TrackedEntry)> {
    let (removed, entry) = match &event.what {
        TrackedFact::Entry(entry) => (false, entry),
        TrackedFact::Removed(entry) => (true, entry),
        TrackedFact::Followed | TrackedFact::Left { .. } => return None,
    };
    (entry.original == [from, to]).then_some((event.t, removed, entry))
}

fn note<'a>(
    node: &NodeName,
    entry: &TrackedEntry,
    reports: impl Iterator<Item = (Offset, bool, &'a TrackedEntry)>,
) -> String {
    let [from, to] = entry.original;
    let answers = match entry.is_translated() {
        true => format!(", answers {} → {}", entry.reply[0], entry.reply[1]),
        false => String::new(),
    };
    let changes = reports.map(|(t, removed, entry)| {
        let state = match (removed, &entry.state) {
            (true, _) => "removed".to_owned(),
            (false, Some(state)) => state.clone(),
            (false, None) if entry.answered => "answered".to_owned(),
            (false, None) => "made".to_owned(),
        };
        let timeout = entry.timeout.map(|seconds| format!(" ({seconds} s)"));
        let about = if entry.late { "about " } else { "" };
        format!(
            "{state}{} at {about}{:.6} s",
            timeout.unwrap_or_default(),
            t.as_secs_f64()
        )
    });
    let changes: Vec<String> = changes.collect();
    format!(
        "connection tracking of `{node}`: {from} → {to}{answers}; {}",
        changes.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u32, state: &str) -> TrackedEntry {
        TrackedEntry {
            id,
            protocol: "tcp".to_owned(),
            original: ["10.0.0.1:9", "10.0.1.2:80"].map(|text| text.parse().unwrap()),
            reply: ["10.0.1.2:80", "10.0.1.1:7"].map(|text| text.parse().unwrap()),
            state: Some(state.to_owned()),
            answered: false,
            assured: false,
            timeout: Some(120),
            late: false,
        }
    }

    fn timeline(facts: Vec<(u64, TrackedFact)>) -> Timeline {
        let mut timeline = Timeline::default();
        for (millis, what) in facts {
            timeline.add(crate::record::Event::Tracked(TrackedEvent {
                t: Offset(millis * 1_000_000),
                node: NodeName::new("nat"),
                what,
            }));
        }
        timeline
    }

    fn notes_at(timeline: &Timeline, millis: u64) -> Vec<String> {
        let nodes = ["client", "nat", "server"].map(NodeName::new);
        let [from, to] = entry(1, "").original;
        let began = Offset(millis * 1_000_000);
        notes(timeline, &nodes, (from, to), (began, Offset(u64::MAX)))
    }

    #[test]
    fn a_note_has_the_translation_and_each_state() {
        let timeline = timeline(vec![
            (0, TrackedFact::Followed),
            (5, TrackedFact::Entry(entry(1, "SYN_SENT"))),
            (6, TrackedFact::Entry(entry(1, "ESTABLISHED"))),
        ]);
        assert_eq!(
            notes_at(&timeline, 4),
            [
                "connection tracking of `nat`: 10.0.0.1:9 → 10.0.1.2:80, answers 10.0.1.2:80 → 10.0.1.1:7; SYN_SENT \
              (120 s) at 0.005000 s, ESTABLISHED (120 s) at 0.006000 s"
            ]
        );
    }

    #[test]
    fn an_attempt_without_an_entry_says_so_only_while_the_table_is_followed() {
        let facts = vec![
            (0, TrackedFact::Followed),
            (5, TrackedFact::Entry(entry(1, "SYN_SENT"))),
            (50, TrackedFact::Removed(entry(1, "SYN_SENT"))),
        ];
        let none = ["`nat` made no connection tracking entry for 10.0.0.1:9 → 10.0.1.2:80"];
        assert_eq!(notes_at(&timeline(facts.clone()), 100), none);
        let left = TrackedFact::Left {
            reason: "too many".to_owned(),
        };
        let facts = [facts, vec![(60, left)]].concat();
        assert!(notes_at(&timeline(facts), 100).is_empty());
        assert!(notes_at(&Timeline::default(), 100).is_empty());
    }
}
