//! Decides what happened to each packet: arrived, lost on the way, or ignored by its receiver.

use std::collections::BTreeMap;
use std::time::Duration;

use super::path::Path;
use super::travel::{Travel, Travels};
use crate::record::DropBound;
use crate::scenario::topology::{Impairment, Topology};
use crate::tcp::Segment;
use crate::tcp::segment::distance;

/// Time that a packet may take in addition to the delays of its links: far longer than on a very busy machine.
const GRACE: Duration = Duration::from_millis(100);

/// The fate of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum PacketFate {
    /// It arrived at the other end.
    Arrived,
    /// The capture ends too soon to decide.
    InFlight,
    /// It was last seen before this place, or it arrived and the receiver ignored it.
    Vanished {
        at: LossPoint,
        /// The reason, if the record has one.
        reason: Option<LossReason>,
    },
}

/// The reason for the loss of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LossReason {
    /// The kernel's own reason for dropping it, from a trace: `NO_SOCKET`; and the queue or setting that bounds it.
    Kernel(String, Option<DropBound>),
    /// The likely reason, inferred from counters that rose at that time and from the scenario.
    Inferred(String),
}

impl std::fmt::Display for LossReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Kernel(reason, None) => write!(f, "{reason} (the kernel's reason)"),
            Self::Kernel(reason, Some(bound)) => {
                write!(f, "{reason} (the kernel's reason), {bound}")
            }
            Self::Inferred(reason) => write!(f, "{reason} (inferred)"),
        }
    }
}

/// The place where a packet was lost, counted from the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossPoint {
    /// In the node with this index.
    Node(usize),
    /// On the link after the node with this index.
    Link(usize),
}

/// Returns the fate of each packet, without reasons, in the order of the packets. `end` is the last moment of the
/// capture.
pub(super) fn fates(
    travels: &Travels,
    path: &Path,
    topology: &Topology,
    end: u64,
) -> Vec<PacketFate> {
    let grace = grace(path, topology);
    let too_late = |time: u64| Duration::from_nanos(end.saturating_sub(time)) < grace;
    let pieces = Pieces::of(travels);
    let notice = Notice::of(travels);
    let each = travels.all.iter().map(|travel| {
        let (at, time) = travel.last_seen();
        let at = if travel.arrived().is_some() || pieces.go_on(travel, at) {
            if notice.taken_of(travel) {
                return PacketFate::Arrived;
            }
            LossPoint::Node(hop_of(travel, path.links.len(), path))
        } else {
            whereabouts(travel, at, path)
        };
        if too_late(time) {
            PacketFate::InFlight
        } else {
            PacketFate::Vanished { at, reason: None }
        }
    });
    each.collect()
}

/// Returns the index of the node (counted from the client) that a packet reaches after this many links.
fn hop_of(travel: &Travel, hops: usize, path: &Path) -> usize {
    if travel.forward {
        hops
    } else {
        path.links.len() - hops
    }
}

/// Returns the place where a packet was lost, from the last position where it was seen.
pub(super) fn whereabouts(travel: &Travel, at: usize, path: &Path) -> LossPoint {
    if at % 2 == 1 {
        return LossPoint::Node(hop_of(travel, at.div_ceil(2), path));
    }
    let from = hop_of(travel, at / 2, path);
    LossPoint::Link(if travel.forward { from } else { from - 1 })
}

/// Segments that were never seen at their sender, because it sent them as part of longer ones that were segmented
/// later.
struct Pieces {
    /// For each direction, by the offset of the first byte: the offset after the last byte, and the first position.
    starts: [BTreeMap<i64, (i64, usize)>; 2],
    base: [u32; 2],
}

/// Maximum bytes of a segment before it is segmented (`GSO_MAX_SIZE`, Linux `include/linux/netdevice.h`).
const LONGEST: i64 = 8 * 65_535;

impl Pieces {
    fn of(travels: &Travels) -> Self {
        let first = |forward: bool| {
            let mut all = travels.all.iter();
            let first = all.find(|travel| travel.forward == forward);
            first.map_or(0, |travel| travel.segment.sequence)
        };
        let mut pieces = Self {
            starts: [BTreeMap::new(), BTreeMap::new()],
            base: [first(false), first(true)],
        };
        for travel in &travels.all {
            let first = travel.seen.iter().position(Option::is_some);
            if let Some(first) = first.filter(|first| *first > 0) {
                let way = usize::from(travel.forward);
                let (start, end) = pieces.range(way, &travel.segment);
                pieces.starts[way].insert(start, (end, first));
            }
        }
        pieces
    }

    fn range(&self, way: usize, segment: &Segment) -> (i64, i64) {
        let start = distance(segment.sequence, self.base[way]);
        (start, start + i64::from(segment.length))
    }

    /// Returns true if the data of a packet that was last seen at this position continued in smaller segments.
    fn go_on(&self, travel: &Travel, at: usize) -> bool {
        let way = usize::from(travel.forward);
        let (start, end) = self.range(way, &travel.segment);
        if start == end {
            return false;
        }
        let mut near = self.starts[way].range(start - LONGEST..end);
        near.any(|(_, (piece_end, first))| *piece_end > start && *first > at)
    }
}

/// Evidence that shows which arrived packets the server ignored. It ignored a SYN if it sent nothing before the next
/// SYN, and it ignored what follows a SYN-ACK if it sends the SYN-ACK again.
struct Notice {
    /// Times at which the server sent something, ascending.
    said: Vec<u64>,
    /// Time at which it last sent SYN-ACK.
    accepted: Option<u64>,
    /// Times at which SYNs arrived, ascending.
    opened: Vec<u64>,
}

impl Notice {
    fn of(travels: &Travels) -> Self {
        let said = travels.all.iter().filter(|travel| !travel.forward);
        let said = said.filter_map(|travel| Some((travel.seen[0]?, &travel.segment)));
        let accepted = said.clone().filter(|(_, segment)| segment.accepts());
        let opened = travels
            .all
            .iter()
            .filter(|travel| travel.forward && travel.segment.opens());
        let mut opened: Vec<_> = opened.filter_map(Travel::arrived).collect();
        opened.sort_unstable();
        Self {
            accepted: accepted.map(|(time, _)| time).max(),
            said: said.map(|(time, _)| time).collect(),
            opened,
        }
    }

    fn taken_of(&self, travel: &Travel) -> bool {
        let Some(arrived) = travel.arrived().filter(|_| travel.forward) else {
            return true;
        };
        if travel.segment.opens() {
            let answer = self.said.partition_point(|said| *said < arrived);
            let next = self.opened.partition_point(|opened| *opened <= arrived);
            match (self.said.get(answer), self.opened.get(next)) {
                (Some(answer), Some(next)) => answer < next,
                (answer, _) => answer.is_some(),
            }
        } else {
            let reset = travel.segment.rst;
            reset || self.accepted.is_none_or(|accepted| accepted < arrived)
        }
    }
}

/// Returns the longest time that a packet may take on this path.
pub(super) fn grace(path: &Path, topology: &Topology) -> Duration {
    let links = path
        .links
        .iter()
        .filter_map(|link| topology.links.get(*link));
    let delay = |impairment: &Impairment| {
        let waits = [impairment.delay, impairment.jitter].into_iter().flatten();
        let queue = impairment.queue.zip(impairment.rate);
        let queue = queue.map_or(0.0, |(queue, rate)| {
            queue.0 as f64 * 8.0 / rate.as_per_second()
        });
        waits.sum::<Duration>() + Duration::try_from_secs_f64(queue).unwrap_or_default()
    };
    GRACE + links.map(|link| delay(&link.impairment)).sum::<Duration>()
}
