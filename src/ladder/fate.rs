//! What became of each packet: whether it arrived, where it was seen last, whether its receiver took notice of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::path::Path;
use super::travel::{Travel, Travels};
use crate::scenario::topology::{Impairment, Topology};
use crate::tcp::Segment;
use crate::tcp::segment::distance;

/// How long a packet may take beside the delays of its links: far longer than it takes on a machine that is very busy.
const GRACE: Duration = Duration::from_millis(100);

/// What became of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PacketFate {
    /// It reached the other end.
    Arrived,
    /// The capture ends too soon to tell.
    InFlight,
    /// It was seen up to here and no further; at the node at its other end: that took no notice of it.
    Vanished {
        /// Where.
        at: LossPoint,
        /// Why, where the record tells.
        reason: Option<String>,
    },
}

/// A place on the path, counted from the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossPoint {
    /// In this node.
    Node(usize),
    /// On the link behind this node.
    Link(usize),
}

/// Tells the fates of packets, reasons left out, in the order of the packets. `end` is the last moment of the capture.
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

/// The node after so many links of a packet's way, counted from the client.
fn hop_of(travel: &Travel, hops: usize, path: &Path) -> usize {
    if travel.forward {
        hops
    } else {
        path.links.len() - hops
    }
}

/// Where a packet is that was seen last at this place of its way.
fn whereabouts(travel: &Travel, at: usize, path: &Path) -> LossPoint {
    if at % 2 == 1 {
        return LossPoint::Node(hop_of(travel, at.div_ceil(2), path));
    }
    let from = hop_of(travel, at / 2, path);
    LossPoint::Link(if travel.forward { from } else { from - 1 })
}

/// Segments that were never seen at their sender: it sent them as part of longer ones, which were cut on the way.
struct Pieces {
    /// By direction and first byte, from that of the first of all: the byte behind the last, and where it was seen first.
    starts: [BTreeMap<i64, (i64, usize)>; 2],
    base: [u32; 2],
}

/// Bytes of a segment before it is cut, at most (`GSO_MAX_SIZE`, Linux `include/linux/netdevice.h`).
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

    /// Whether the data of a packet that was seen last at this place went on in pieces.
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

/// What shows whether a server took notice of what has arrived. It is known to ignore a SYN, to which something must be said before
/// the next one comes; and what follows on SYN-ACK, which is in vain where SYN-ACK is sent again.
struct Notice {
    /// When the server said something, ascending.
    said: Vec<u64>,
    /// When it last sent SYN-ACK.
    accepted: Option<u64>,
    /// When SYNs arrived, ascending.
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

/// How long a packet may be on the way.
fn grace(path: &Path, topology: &Topology) -> Duration {
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
