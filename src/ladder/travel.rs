//! Follows packets along the path: which sightings at one link end and the next are of the same packet.
//!
//! A router changes addresses, ports, and now and then the timestamps of a segment; never its sequence numbers, flags and
//! length, nor IPv4's identification. Addresses on the far side of a translation are learnt from the SYN, which has the same
//! initial sequence number on both.

use std::collections::{BTreeMap, BTreeSet};

use super::attempts::LadderAttempt;
use super::path::Path;
use super::sighting::Sighting;
use crate::tcp::{AddressPair, Segment, TcpFlags};

/// A packet on its way.
#[derive(Debug, Clone)]
pub(super) struct Travel {
    /// From the client to the server.
    pub(super) forward: bool,
    /// What it says, where it was seen first.
    pub(super) segment: Segment,
    /// When it was seen, by the wall clock: leaving its sender, arriving at the next node, leaving it, and so on to its receiver.
    /// Two for each link of the path.
    pub(super) seen: Vec<Option<u64>>,
}

impl Travel {
    /// When it was seen first.
    pub(super) fn began(&self) -> u64 {
        self.seen.iter().flatten().next().copied().unwrap_or(0)
    }

    /// When it arrived at its receiver, if it was seen to.
    pub(super) fn arrived(&self) -> Option<u64> {
        self.seen.last().copied().flatten()
    }

    /// Where it was seen last, and when: an index into [`Self::seen`].
    pub(super) fn last_seen(&self) -> (usize, u64) {
        let known = self.seen.iter().enumerate().rev();
        known
            .filter_map(|(at, time)| Some((at, (*time)?)))
            .next()
            .unwrap_or((0, 0))
    }
}

/// The packets of a connection, and the addresses that they have at each link end.
#[derive(Debug, Default)]
pub(super) struct Travels {
    /// In the order in which they were seen first.
    pub(super) all: Vec<Travel>,
    /// From client to server: by position in [`Travel::seen`].
    pub(super) pairs: BTreeMap<usize, BTreeSet<AddressPair>>,
}

/// What stays the same on the way.
type Identity = (bool, u32, Option<u32>, TcpFlags, u32, u16);

/// Follows the packets of an attempt.
pub(super) fn follow(sightings: &[Sighting<'_>], path: &Path, attempt: &LadderAttempt) -> Travels {
    let mut travels = Travels::default();
    let mut by_identity: BTreeMap<Identity, Vec<usize>> = BTreeMap::new();
    let mut pairs: BTreeMap<usize, BTreeSet<AddressPair>> = BTreeMap::new();
    let places = path.links.len() * 2;
    let first = sightings.partition_point(|seen| seen.time < attempt.began);
    let life = sightings[first..].iter();
    for seen in life.take_while(|seen| seen.time < attempt.ended) {
        let segment = seen.segment;
        let Some(node) = path.position(seen.node) else {
            continue;
        };
        let learnt = pairs.entry(seen.interface).or_default();
        if segment.opens() {
            let ours =
                segment.sequence == attempt.isn && (node > 0 || segment.pair() == attempt.pair);
            if ours {
                learnt.insert(segment.pair());
            } else {
                // Another connection has these addresses now.
                learnt.remove(&segment.pair());
            }
        }
        let forward = learnt.contains(&segment.pair());
        if !forward && !learnt.contains(&(segment.to, segment.from)) {
            continue;
        }
        let Some(place) = place(node, seen.leaving, forward, places) else {
            continue;
        };
        if forward {
            travels
                .pairs
                .entry(place)
                .or_default()
                .insert(segment.pair());
        }
        let identity = identity(forward, &segment);
        let known = by_identity.entry(identity).or_default();
        // Of several that are alike the one with its timestamp, else the latest: a packet that is lost is sent again later, rarely
        // overtaken by its copy.
        let mut open = known.iter().rev().copied().filter(|known| {
            let (last, _) = travels.all[*known].last_seen();
            last < place
        });
        let stamped = |known: &usize| travels.all[*known].segment.timestamps == segment.timestamps;
        let same = open.clone().find(stamped).or_else(|| open.next());
        if let Some(same) = same.filter(|_| place > 0) {
            travels.all[same].seen[place] = Some(seen.time);
            continue;
        }
        known.push(travels.all.len());
        let mut travel = Travel {
            forward,
            segment,
            seen: vec![None; places],
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

/// Where on its way a packet is that leaves, or arrives at, the node of this number; `None` where it cannot be: leaving its
/// receiver, arriving at its sender.
fn place(node: usize, leaving: bool, forward: bool, places: usize) -> Option<usize> {
    let hops = if forward {
        node
    } else {
        (places / 2).checked_sub(node)?
    };
    let place = if leaving {
        hops * 2
    } else {
        (hops * 2).checked_sub(1)?
    };
    (place < places).then_some(place)
}
