//! The reference `docs/record.md` names every event, kind and unit that this module writes.

use super::*;
use crate::names::NodeName;
use crate::record::{KernelFact, TrackedFact};

const REFERENCE: &str = include_str!("../../../docs/record.md");

fn load() -> LoadReport {
    LoadReport {
        client: ActorName::new("load"),
        open_loop: true,
        scheduled: 0,
        started: 0,
        offered_rate: 0.0,
        achieved_rate: 0.0,
        span: 0,
        late_p50: 0,
        late_p99: 0,
        late_max: 0,
        port_choice: String::new(),
        engine: String::new(),
        cpu: 0,
    }
}

/// Returns the event that follows this one in declaration order. A new event breaks the match until it is added here.
fn next(event: &Event) -> Option<Event> {
    let (t, series) = (Offset::ZERO, SeriesId(0));
    Some(match event {
        Event::Environment(_) => Event::Built(Built::default()),
        Event::Built(_) => Event::Series(SeriesDeclaration {
            id: series,
            name: "load.established".into(),
            kind: SeriesKind::Counter,
            unit: Unit::Count,
            emulated: false,
        }),
        Event::Series(_) => Event::Sample { t, v: Vec::new() },
        Event::Sample { .. } => Event::Looked {
            t,
            probe: "client".to_owned(),
            cost: 0,
        },
        Event::Looked { .. } => Event::Text {
            t,
            series,
            line: String::new(),
        },
        Event::Text { .. } => Event::Histogram {
            t,
            series,
            v: Vec::new(),
        },
        Event::Histogram { .. } => Event::Load(load()),
        Event::Load(_) => Event::Processor {
            ran: 0,
            waited: 0,
            turns: 0,
        },
        Event::Processor { .. } => Event::Used { cpu: 0, memory: 0 },
        Event::Used { .. } => Event::Connection(NamedConnection {
            t,
            client: ActorName::from("load"),
            number: 1,
            local: None,
            peer: None,
        }),
        Event::Connection(_) => Event::Traced(KernelEvent {
            t,
            node: NodeName::from("client"),
            local: None,
            peer: None,
            what: KernelFact::Retransmission,
        }),
        Event::Traced(_) => Event::Tracked(TrackedEvent {
            t,
            node: NodeName::from("nat"),
            what: TrackedFact::Followed,
        }),
        Event::Tracked(_) => Event::Step(TakenStep {
            t,
            took: 0,
            due: t,
            line: 1,
        }),
        Event::Step(_) => Event::Held { t, at_most: None },
        Event::Held { .. } => Event::Note {
            t: None,
            text: String::new(),
        },
        Event::Note { .. } => Event::Gap {
            t: None,
            of: String::new(),
            text: String::new(),
        },
        Event::Gap { .. } => Event::NotApplicable {
            reason: String::new(),
        },
        Event::NotApplicable { .. } => Event::Errored {
            error: String::new(),
        },
        Event::Errored { .. } => Event::Finished {
            t,
            interrupted: false,
        },
        Event::Finished { .. } => return None,
    })
}

#[test]
fn the_reference_describes_every_event_with_its_fields() {
    let first = Event::Environment(Box::default());
    let events: Vec<Event> = std::iter::successors(Some(first), next).collect();
    assert_eq!(events.len(), 20);
    for event in events {
        let written = serde_json::to_value(&event).unwrap();
        let (name, fields) = written.as_object().unwrap().iter().next().unwrap();
        let row = REFERENCE
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("docs/record.md lacks the event `{name}`"));
        // The long ones are summarised.
        if matches!(
            event,
            Event::Environment(_) | Event::Built(_) | Event::Load(_)
        ) {
            continue;
        }
        for field in fields.as_object().unwrap().keys() {
            assert!(row.contains(&format!("`{field}`")), "{name} lacks {field}");
        }
    }
}

#[test]
fn the_reference_names_every_kind_and_unit() {
    let next_kind = |kind: &SeriesKind| match kind {
        SeriesKind::Counter => Some(SeriesKind::Gauge),
        SeriesKind::Gauge => Some(SeriesKind::Text),
        SeriesKind::Text => Some(SeriesKind::Distribution),
        SeriesKind::Distribution => None,
    };
    let kinds = std::iter::successors(Some(SeriesKind::Counter), next_kind);
    let kinds = kinds.map(|kind| serde_json::to_value(kind).unwrap());
    for kind in kinds {
        let row = format!("| `{}` |", kind.as_str().unwrap());
        assert!(REFERENCE.contains(&row), "docs/record.md lacks {row}");
    }
    let listed = REFERENCE
        .lines()
        .find(|line| line.starts_with("The `unit` of a series"));
    for (_, unit) in recorded_unit::NAMES {
        let name = format!("`{unit}`");
        assert!(
            listed.unwrap().contains(&name),
            "docs/record.md lacks the unit {name}"
        );
    }
}
