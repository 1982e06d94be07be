//! Reads the UDP datagrams of a capture, each with the link end where it was seen.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::attempts::{FirstReply, LadderAttempt};
use crate::names::NodeName;
use crate::record::{Capture, Direction, LinkEnd};
use crate::tcp::{AddressPair, Datagram, Segment};

/// A datagram as seen at one end of a link.
#[derive(Debug, Clone, Copy)]
pub(super) struct DatagramSighting<'a> {
    pub(super) end: &'a LinkEnd,
    /// Wall-clock time: nanoseconds since 1970.
    pub(super) time: u64,
    /// True if it left the node, false if it arrived.
    pub(super) leaving: bool,
    pub(super) datagram: Datagram,
}

impl DatagramSighting<'_> {
    pub(super) fn pair(&self) -> AddressPair {
        (self.datagram.from, self.datagram.to)
    }

    /// Returns it as a segment without anything of TCP.
    pub(super) fn segment(&self) -> Segment {
        Segment {
            from: self.datagram.from,
            to: self.datagram.to,
            sequence: 0,
            acknowledges: None,
            length: self.datagram.length,
            syn: false,
            fin: false,
            rst: false,
            psh: false,
            identification: 0,
            timestamps: None,
            status: None,
        }
    }
}

/// The datagrams of a capture in the order of time, and by address.
#[derive(Debug, Default)]
pub(super) struct Datagrams<'a> {
    all: Vec<DatagramSighting<'a>>,
    by_pair: BTreeMap<AddressPair, Vec<usize>>,
}

impl<'a> Datagrams<'a> {
    pub(super) fn of(capture: &'a Capture) -> Self {
        let seen = capture.packets().filter_map(|packet| {
            let datagram = Datagram::read(packet.bytes)?;
            Some(DatagramSighting {
                end: capture.link_end(packet.interface)?,
                time: packet.time,
                leaving: packet.direction? == Direction::Outbound,
                datagram,
            })
        });
        let all: Vec<_> = seen.collect();
        let mut by_pair: BTreeMap<AddressPair, Vec<usize>> = BTreeMap::new();
        for (number, datagram) in all.iter().enumerate() {
            by_pair.entry(datagram.pair()).or_default().push(number);
        }
        Self { all, by_pair }
    }

    /// Returns those between these addresses, in both directions, from a time to before another, in the order of time.
    pub(super) fn between(
        &self,
        pairs: impl Iterator<Item = AddressPair>,
        (from, until): (u64, u64),
    ) -> Vec<&DatagramSighting<'a>> {
        let both = pairs.flat_map(|(one, other)| [(one, other), (other, one)]);
        let mut numbers: Vec<usize> = both
            .filter_map(|pair| self.by_pair.get(&pair))
            .flatten()
            .copied()
            .filter(|number| (from..until).contains(&self.all[*number].time))
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.iter().map(|number| &self.all[*number]).collect()
    }

    /// Returns the exchanges that left a node for a target: the datagrams between a socket and the target. After a
    /// pause of this length (nanoseconds), the same port is another socket's.
    pub(super) fn exchanges(
        &self,
        node: &NodeName,
        target: Option<SocketAddr>,
        pause: u64,
    ) -> Vec<LadderAttempt> {
        let mut found: Vec<LadderAttempt> = Vec::new();
        let mut latest: BTreeMap<AddressPair, (usize, u64)> = BTreeMap::new();
        for seen in self.all.iter().filter(|seen| seen.end.node == *node) {
            if seen.leaving && target.is_none_or(|target| target == seen.datagram.to) {
                let known = latest.get(&seen.pair()).copied();
                if let Some((known, last)) = known
                    && seen.time.saturating_sub(last) <= pause
                {
                    latest.insert(seen.pair(), (known, seen.time));
                    continue;
                }
                if let Some((known, _)) = known {
                    found[known].ended = seen.time;
                }
                latest.insert(seen.pair(), (found.len(), seen.time));
                found.push(LadderAttempt::of_trace(seen.pair(), seen.time, u64::MAX));
            } else if !seen.leaving
                && let Some((known, _)) = latest.get(&(seen.datagram.to, seen.datagram.from))
            {
                let first = FirstReply {
                    time: seen.time,
                    refused: false,
                };
                found[*known].answer.get_or_insert(first);
            }
        }
        found
    }
}
