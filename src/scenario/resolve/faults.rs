//! Resolves faults, each on its link.

use std::time::Duration;

use super::View;
use super::names::Names;
use super::server::number;
use crate::names::ActorName;
use crate::scenario::bounds::{MAX_ATTEMPTS, MAX_FAULTS, MAX_FORGED};
use crate::scenario::decode::Framed;
use crate::scenario::document::{Count, FaultDoc, FlagWord, InjectDoc, SegmentSelection, Text};
use crate::scenario::fault::{FaultAction, FaultSpec, Forged, SegmentFlags, SegmentMatch};
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::span::Spanned;
use crate::scenario::suggest;
use crate::scenario::topology::Topology;
use crate::units::ByteCount;

/// Adds the faults to their links.
pub(crate) fn faults(view: View<'_, '_>, topology: &mut Topology, cx: &mut Collector<'_>) {
    let written = view.document.faults.iter().flat_map(|faults| &faults.0);
    for (count, (name, fault)) in written.enumerate() {
        if count == MAX_FAULTS {
            cx.error(name.span, format!("a lab has at most {MAX_FAULTS} faults"));
        }
        let Some(fault) = fault else { continue };
        let Some(link) = link(fault, view, cx) else {
            continue;
        };
        let ends = view.lab.network.between(link);
        let end = LinkEnds {
            ends,
            names: view.names,
        };
        if let Some(action) = action(fault, end, cx)
            && let Some(link) = topology.links.get_mut(link)
        {
            link.faults.push(FaultSpec {
                name: ActorName::new(&name.value),
                action,
                place: cx.source.place(name.span.start),
            });
        }
    }
}

/// Returns the time of the last forged segment.
pub(crate) fn latest(topology: &Topology) -> Duration {
    let faults = topology.links.iter().flat_map(|link| &link.faults);
    faults
        .map(|fault| match &fault.action {
            FaultAction::Inject(forged) => forged.at,
            FaultAction::Drop(_)
            | FaultAction::Delay { .. }
            | FaultAction::Duplicate(_)
            | FaultAction::Replay { .. } => Duration::ZERO,
        })
        .max()
        .unwrap_or_default()
}

/// Returns the link that a fault is on.
fn link(fault: &FaultDoc, view: View<'_, '_>, cx: &mut Collector<'_>) -> Option<usize> {
    let lab = view.lab;
    let (span, found) = match &fault.between {
        Some(between) => (
            between.span,
            super::steps::links_between(between, view.names, lab, cx),
        ),
        None => (fault.head(), (0..lab.network.links()).collect()),
    };
    match found.as_slice() {
        [link] => Some(*link),
        [] if fault.between.is_some() || !lab.complete => None,
        [] => {
            cx.error(span, "a fault needs a link, but the lab has none")
                .help("write `links: [ { between: [a, b] } ]`");
            None
        }
        several => {
            cx.error(
                span,
                format!("the fault may be on any of {} links", several.len()),
            )
            .help(match fault.between {
                Some(_) => "give one of the nodes a separate link for the fault",
                None => "write `between: [a, b]`",
            });
            None
        }
    }
}

/// The two ends of a link, among which a node is looked up.
#[derive(Clone, Copy)]
struct LinkEnds<'a, 'd> {
    ends: [usize; 2],
    names: &'a Names<'d>,
}

impl LinkEnds<'_, '_> {
    fn of(self, name: &Spanned<Text>, cx: &mut Collector<'_>) -> Option<usize> {
        let node = self.names.node(name, cx)?;
        let found = self.ends.iter().position(|end| *end == node);
        if found.is_none() {
            let at = self.ends.map(|end| self.names.node_name(end));
            cx.error(
                name.span,
                format!("{} is not on this link", quoted(&name.value.0)),
            )
            .help(format!("it is between {}", suggest::listed(&at)));
        }
        found
    }
}

fn action(fault: &FaultDoc, end: LinkEnds<'_, '_>, cx: &mut Collector<'_>) -> Option<FaultAction> {
    let FaultDoc {
        drop,
        delay,
        duplicate,
        replay,
        inject,
        ..
    } = fault;
    let given = usize::from(drop.is_some())
        + usize::from(delay.is_some())
        + usize::from(duplicate.is_some())
        + usize::from(replay.is_some())
        + usize::from(inject.is_some());
    if given != 1 {
        if fault.complete() {
            cx.error(fault.head(), "a fault must do exactly one thing")
                .help("use one of `drop`, `delay`, `duplicate`, `replay` and `inject`");
        }
        return None;
    }
    if let Some(drop) = drop {
        return Some(FaultAction::Drop(segments(drop.selection(), end, cx)));
    }
    if let Some(duplicate) = duplicate {
        let of = segments(duplicate.selection(), end, cx);
        return Some(FaultAction::Duplicate(of));
    }
    if let Some(delay) = delay {
        return Some(FaultAction::Delay {
            of: segments(delay.selection(), end, cx),
            by: delay.by.0,
        });
    }
    if let Some(replay) = replay {
        return Some(FaultAction::Replay {
            of: segments(replay.selection(), end, cx),
            after: replay.after.0,
            sequence: replay.seq.map(|seq| seq.0),
        });
    }
    inject.as_ref().and_then(|inject| forged(inject, end, cx))
}

fn segments(
    selection: SegmentSelection<'_>,
    end: LinkEnds<'_, '_>,
    cx: &mut Collector<'_>,
) -> SegmentMatch {
    SegmentMatch {
        from: selection.from.and_then(|from| end.of(from, cx)),
        flags: selection.flags.map(flags),
        data: selection.data,
        connection: selection
            .connection
            .map(|written| connection(Some(written), cx)),
        nth: selection.nth,
    }
}

fn forged(
    inject: &InjectDoc,
    end: LinkEnds<'_, '_>,
    cx: &mut Collector<'_>,
) -> Option<FaultAction> {
    let to = end.of(&inject.to, cx)?;
    let data = inject.data.map_or(ByteCount(0), |data| {
        if data.value.0.0 > MAX_FORGED {
            cx.error(
                data.span,
                format!("a forged segment has at most {MAX_FORGED} bytes of data"),
            );
        }
        data.value.0
    });
    Some(FaultAction::Inject(Forged {
        at: inject.at.0,
        to,
        connection: connection(inject.connection, cx),
        flags: flags(&inject.flags.0),
        sequence: inject.seq.map(|seq| seq.0).unwrap_or_default(),
        data,
    }))
}

fn connection(written: Option<Spanned<Count>>, cx: &mut Collector<'_>) -> u64 {
    number(written, 1, 1..=MAX_ATTEMPTS, "`connection`", cx)
}

fn flags(words: &[FlagWord]) -> SegmentFlags {
    let has = |flag| words.contains(&flag);
    SegmentFlags {
        syn: has(FlagWord::Syn),
        ack: has(FlagWord::Ack),
        fin: has(FlagWord::Fin),
        rst: has(FlagWord::Rst),
    }
}
