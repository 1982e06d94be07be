//! Follows packets along the path: decides which sightings at different link ends are the same packet.
//!
//! A router may change the addresses, ports and timestamps of a segment, but never its sequence numbers, flags, length
//! or IPv4 identification. The addresses beyond a translation are taken from the SYN, whose initial sequence number is
//! the same on both sides.

use std::collections::{BTreeMap, BTreeSet};

use super::attempts::LadderAttempt;
use super::path::Path;
use super::sighting::Sighting;
use crate::tcp::{AddressPair, Segment, TcpFlags};

/// A packet on its way.
#[derive(Debug, Clone)]
pub(super) struct Travel {
    /// True if it travels from the client to the server.
    pub(super) forward: bool,
    /// The segment as it was first seen.
    pub(super) segment: Segment,
    /// Wall-clock times at which it was seen: leaving its sender, arriving at the next node, leaving it, and so on. Two
    /// for each link of the path.
    pub(super) seen: Vec<Option<u64>>,
    /// True if it was seen with the client's addresses where they are otherwise translated.
    pub(super) untranslated: bool,
    /// True if it was seen with the translated addresses where they are otherwise the client's own: it goes past the
    /// node that translates.
    pub(super) bypasses: bool,
}

impl Travel {
    /// Returns when it was first seen.
    pub(super) fn began(&self) -> u64 {
        self.seen.iter().flatten().next().copied().unwrap_or(0)
    }

    /// Returns when it was seen to arrive at its receiver.
    pub(super) fn arrived(&self) -> Option<u64> {
        self.seen.last().copied().flatten()
    }

    /// Returns its last position (an index into [`Self::seen`]) and time.
    pub(super) fn last_seen(&self) -> (usize, u64) {
        let known = self.seen.iter().enumerate().rev();
        known
            .filter_map(|(at, time)| Some((at, (*time)?)))
            .next()
            .unwrap_or((0, 0))
    }
}

/// The packets of a connection and their addresses at each link end.
#[derive(Debug, Default)]
pub(super) struct Travels {
    /// Packets in the order in which they were first seen.
    pub(super) all: Vec<Travel>,
    /// Addresses from client to server, by position in [`Travel::seen`].
    pub(super) pairs: BTreeMap<usize, BTreeSet<AddressPair>>,
}

/// The fields that stay the same on the way.
type Identity = (bool, u32, Option<u32>, TcpFlags, u32, u16);

/// Follows the packets of an attempt. `sightings` are those between its addresses, in the order of time.
pub(super) fn follow(sightings: &[&Sighting<'_>], path: &Path, attempt: &LadderAttempt) -> Travels {
    let mut travels = Travels::default();
    let mut by_identity: BTreeMap<Identity, Vec<usize>> = BTreeMap::new();
    let mut pairs: BTreeMap<usize, BTreeSet<AddressPair>> = BTreeMap::new();
    let places = path.links.len() * 2;
    for seen in sightings {
        let segment = seen.segment;
        if !path.passes(seen.node()) {
            continue;
        }
        let answers = (segment.to, segment.from);
        let elsewhere = |pair| pairs.values().any(|known| known.contains(&pair));
        let elsewhere = [segment.pair(), answers].map(elsewhere);
        let known_pairs = pairs.entry(seen.interface).or_default();
        if segment.opens() {
            let ours = segment.sequence == attempt.isn
                && (!path.begins_at(seen.node()) || segment.pair() == attempt.pair);
            if ours {
                known_pairs.insert(segment.pair());
            } else {
                // The addresses belong to another connection now.
                known_pairs.remove(&segment.pair());
            }
        }
        let is_known = known_pairs.contains(&segment.pair()) || known_pairs.contains(&answers);
        // A translating node that has no entry any more passes a segment on as it is.
        let untranslated = !is_known
            && !known_pairs.is_empty()
            && [segment.pair(), answers].contains(&attempt.pair);
        let bypasses =
            !is_known && !untranslated && !known_pairs.is_empty() && elsewhere.contains(&true);
        let forward = known_pairs.contains(&segment.pair())
            || untranslated && segment.pair() == attempt.pair
            || bypasses && elsewhere[0];
        if !is_known && !untranslated && !bypasses {
            continue;
        }
        let Some(place) = path.place(seen.end, seen.leaving, forward) else {
            continue;
        };
        if forward && !untranslated && !bypasses {
            travels
                .pairs
                .entry(place)
                .or_default()
                .insert(segment.pair());
        }
        let identity = identity(forward, &segment);
        let known = by_identity.entry(identity).or_default();
        // If several packets are alike, prefer the one with the same timestamps, else the latest: a lost packet is sent
        // again later and rarely overtaken by its copy.
        let mut open = known.iter().rev().copied().filter(|known| {
            let (last, _) = travels.all[*known].last_seen();
            last < place
        });
        let stamped = |known: &usize| travels.all[*known].segment.timestamps == segment.timestamps;
        let same = open.clone().find(stamped).or_else(|| open.next());
        if let Some(same) = same.filter(|_| place > 0) {
            travels.all[same].seen[place] = Some(seen.time);
            travels.all[same].untranslated |= untranslated;
            travels.all[same].bypasses |= bypasses;
            continue;
        }
        known.push(travels.all.len());
        let mut travel = Travel {
            forward,
            segment,
            seen: vec![None; places],
            untranslated,
            bypasses,
        };
        travel.seen[place] = Some(seen.time);
        travels.all.push(travel);
    }
    travels
}

fn identity(forward: bool, segment: &Segment) -> Identity {
    (
        forward,
        segment.sequence,
        segment.acknowledges,
        segment.flags(),
        segment.length,
        segment.identification,
    )
}
