//! The datagrams between a UDP socket and its target: their way, and where they were lost.
//!
//! A datagram has no numbers. Its addresses beyond a translation are those that connection tracking reported; datagrams
//! that are alike are taken to arrive in the order in which they were sent.

use std::time::Duration;

use super::attempts::LadderAttempt;
use super::choice::Caller;
use super::datagram::DatagramSighting;
use super::fate::{self, LossPoint, LossReason, PacketFate};
use super::path::Path;
use super::reason::LossReasons;
use super::rows;
use super::travel::Travel;
use super::{
    ConnectionHistory, LadderError, LadderSources, LinkView, PacketRow, outcome, since_zero,
};
use crate::names::NodeName;
use crate::record::{KernelFact, Offset, Timeline};
use crate::scenario::topology::Topology;
use crate::tcp::{AddressPair, TcpFlags};

/// The longest time between the last sighting of a datagram and its drop in the same node.
const NEAR: u64 = 20_000_000;

impl LadderSources<'_> {
    /// Returns everything about an exchange of datagrams.
    pub(super) fn exchange(
        &self,
        caller: &Caller,
        attempt: &LadderAttempt,
        chosen: usize,
    ) -> Result<ConnectionHistory, LadderError> {
        let (capture, topology) = (self.capture, &self.spec.topology);
        let began = attempt
            .began
            .saturating_sub(capture.clock_zero.unwrap_or(0));
        let chain = self.translations.chain(attempt.pair, Offset(began));
        let after = |node: &NodeName| {
            let mut chain = chain.iter();
            Some(chain.find(|(other, _)| other == node)?.1)
        };
        let target = attempt.pair.1;
        let mut path = Path::translated_by(topology, &caller.node, target, |node| {
            after(node).map(|(_, to)| to)
        });
        // Beyond a translation that was not recorded, the addresses are unknown.
        let is_unknown = |node: &NodeName| {
            let translates = topology
                .nodes
                .get(node)
                .is_some_and(|node| !node.nat.is_empty());
            translates && !self.translations.are_known(node) && after(node).is_none()
        };
        if let Some(unknown) = path.nodes.iter().skip(1).position(is_unknown) {
            path.end_at(unknown + 1);
        }
        if path.links.is_empty() {
            let client = caller.name.clone();
            return Err(LadderError::OneNode { client });
        }
        let mut pair = attempt.pair;
        let pairs = path.nodes[..path.links.len()].iter().map(|node| {
            pair = after(node).unwrap_or(pair);
            pair
        });
        let pairs: Vec<_> = pairs.collect();
        let seen = self
            .datagrams
            .between(pairs.iter().copied(), (attempt.began, attempt.ended));
        let reasons = LossReasons {
            spec: self.spec,
            timeline: self.timeline,
            path: &path,
            zero: capture.clock_zero,
            account: None,
        };
        let sources = ExchangeSources {
            path: &path,
            pairs: &pairs,
            topology,
            timeline: self.timeline,
            reasons: &reasons,
            zero: capture.clock_zero,
            ended: capture.ended,
        };
        Ok(ConnectionHistory {
            client: caller.name.clone(),
            attempt: chosen + 1,
            began: since_zero(capture, attempt),
            outcome: outcome(attempt),
            links: links(&pairs),
            packets: sources.rows(&seen, attempt),
            path: path.links,
            nodes: path.nodes,
            traced: false,
            states: Vec::new(),
        })
    }
}

/// The inputs from which the datagrams of an exchange are followed.
struct ExchangeSources<'a> {
    path: &'a Path,
    /// The addresses on each link of the path, from the client to its target.
    pairs: &'a [AddressPair],
    topology: &'a Topology,
    timeline: &'a Timeline,
    reasons: &'a LossReasons<'a>,
    /// Wall-clock times of the run's zero and of the end of the capture.
    zero: Option<u64>,
    ended: u64,
}

impl ExchangeSources<'_> {
    /// Returns the datagrams, which were seen in this order.
    fn rows(&self, seen: &[&DatagramSighting<'_>], attempt: &LadderAttempt) -> Vec<PacketRow> {
        let travels = self.follow(seen);
        let grace = fate::grace(self.path, self.topology);
        let rows = travels.iter().map(|travel| PacketRow {
            datagram: true,
            time: Duration::from_nanos(travel.began().saturating_sub(attempt.began)),
            forward: travel.forward,
            flags: TcpFlags::default(),
            seq: 0,
            ack: None,
            length: travel.segment.length,
            status: None,
            mark: None,
            hops: rows::hops(travel, attempt.began),
            fate: self.fate(travel, grace),
            states: [None, None],
        });
        rows.collect()
    }

    fn follow(&self, seen: &[&DatagramSighting<'_>]) -> Vec<Travel> {
        let hops = self.path.links.len();
        let mut travels: Vec<(u64, Travel)> = Vec::new();
        for datagram in seen {
            let place = |forward: bool| {
                let place = self.path.place(datagram.end, datagram.leaving, forward)?;
                let hop = if forward {
                    place / 2
                } else {
                    hops - 1 - place / 2
                };
                let (from, to) = *self.pairs.get(hop)?;
                let own = if forward { (from, to) } else { (to, from) };
                (own == datagram.pair()).then_some((place, forward))
            };
            let Some((place, forward)) = place(true).or_else(|| place(false)) else {
                continue;
            };
            let same = travels.iter_mut().find(|(content, travel)| {
                *content == datagram.datagram.content
                    && travel.forward == forward
                    && travel.segment.length == datagram.datagram.length
                    && travel.last_seen().0 < place
            });
            match same.filter(|_| place > 0) {
                Some((_, travel)) => travel.seen[place] = Some(datagram.time),
                None => {
                    let mut travel = Travel {
                        forward,
                        segment: datagram.segment(),
                        seen: vec![None; hops * 2],
                        untranslated: false,
                        bypasses: false,
                    };
                    travel.seen[place] = Some(datagram.time);
                    travels.push((datagram.datagram.content, travel));
                }
            }
        }
        travels.into_iter().map(|(_, travel)| travel).collect()
    }

    fn fate(&self, travel: &Travel, grace: Duration) -> PacketFate {
        let (place, time) = travel.last_seen();
        let at = fate::whereabouts(travel, place, self.path);
        let node = match at {
            LossPoint::Node(node) => Some(node),
            LossPoint::Link(_) => None,
        };
        let hop = if travel.forward {
            place / 2
        } else {
            self.path.links.len() - 1 - place / 2
        };
        let dropped = node.and_then(|node| self.dropped(node, hop, travel.forward, time));
        if travel.arrived().is_some() && dropped.is_none() {
            return PacketFate::Arrived;
        }
        if Duration::from_nanos(self.ended.saturating_sub(time)) < grace && dropped.is_none() {
            return PacketFate::InFlight;
        }
        let is_receiver = travel.arrived().is_some();
        let inferred = || self.reasons.inferred(at, travel.forward, time);
        let reason = dropped.or_else(|| {
            let known = (!is_receiver).then(inferred).flatten();
            known.map(LossReason::Inferred)
        });
        PacketFate::Vanished { at, reason }
    }

    /// Returns the kernel's reason for dropping a datagram in this node soon after it was last seen on this hop.
    fn dropped(&self, node: usize, hop: usize, forward: bool, time: u64) -> Option<LossReason> {
        let node = self.path.nodes.get(node)?;
        let from = time.checked_sub(self.zero?)?;
        let (one, other) = *self.pairs.get(hop)?;
        let (source, destination) = if forward { (one, other) } else { (other, one) };
        let traced = &self.timeline.traced;
        let first = traced.partition_point(|event| event.t.0 < from);
        let near = traced[first..]
            .iter()
            .take_while(|event| event.t.0 < from.saturating_add(NEAR));
        let mut near = near.filter(|event| {
            event.node == *node
                && event.peer == Some(source)
                && event.local == Some(destination)
                && !event.what.is_cleanup()
        });
        near.find_map(|event| match &event.what {
            KernelFact::Drop { reason, bound, .. } => {
                Some(LossReason::Kernel(reason.clone(), bound.clone()))
            }
            _ => None,
        })
    }
}

/// Returns the addresses on each link.
fn links(pairs: &[AddressPair]) -> Vec<LinkView> {
    let each = pairs.iter().enumerate().map(|(link, (from, to))| LinkView {
        addresses: vec![format!("{from} → {to}")],
        translated: link > 0 && pairs[link - 1] != (*from, *to),
    });
    each.collect()
}
