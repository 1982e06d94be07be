//! The translations that the kernel reported: which addresses packets have before and after a node.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::names::NodeName;
use crate::record::{Offset, Timeline, TrackedEntry, TrackedFact};
use crate::tcp::AddressPair;

/// The longest time between the first packet of a connection and the report of its entry, in either order: clocks
/// differ a little, and a report that the kernel did not stamp comes some milliseconds later.
const NEAR: Duration = Duration::from_millis(20);

/// The entries of all tables that translate.
#[derive(Debug, Default)]
pub(super) struct Translations<'a> {
    /// By addresses before the translation: when each entry was reported, and on which node.
    entries: BTreeMap<AddressPair, Vec<(Offset, &'a NodeName, &'a TrackedEntry)>>,
    followed: BTreeSet<&'a NodeName>,
}

impl<'a> Translations<'a> {
    pub(super) fn of(timeline: &'a Timeline) -> Self {
        let mut all = Self::default();
        for event in &timeline.tracked {
            match &event.what {
                TrackedFact::Followed => {
                    all.followed.insert(&event.node);
                }
                TrackedFact::Left { .. } => {
                    all.followed.remove(&event.node);
                }
                TrackedFact::Entry(entry) if entry.is_translated() => {
                    let [from, to] = entry.original;
                    let known = all.entries.entry((from, to)).or_default();
                    known.push((event.t, &event.node, entry));
                }
                TrackedFact::Entry(_) | TrackedFact::Removed(_) => {}
            }
        }
        all
    }

    /// Returns true if the record has every entry of this node.
    pub(super) fn are_known(&self, node: &NodeName) -> bool {
        self.followed.contains(node)
    }

    /// Returns the nodes that translate packets between these addresses, with the addresses after each.
    pub(super) fn chain(
        &self,
        mut pair: AddressPair,
        began: Offset,
    ) -> Vec<(NodeName, AddressPair)> {
        let latest = Offset::from_duration(began.as_duration() + NEAR);
        let mut chain: Vec<(NodeName, AddressPair)> = Vec::new();
        while let Some(entries) = self.entries.get(&pair) {
            let before = entries.partition_point(|(t, ..)| *t <= latest);
            let mut known = entries[..before].iter().rev();
            let next = known.find(|(_, node, _)| chain.iter().all(|(other, _)| other != *node));
            let Some((_, node, entry)) = next else { break };
            pair = (entry.reply[1], entry.reply[0]);
            chain.push(((*node).clone(), pair));
        }
        chain
    }
}
