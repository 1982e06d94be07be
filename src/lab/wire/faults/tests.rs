//! The segments that faults match and the results, without packets on any wire.

use etherparse::PacketBuilder;

use super::super::segment::Segment;
use super::*;
use crate::scenario::Place;
use crate::scenario::fault::{Forged, Sequence};
use crate::sys::packet::OFFLOAD_HEADER;
use crate::units::ByteCount;

const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 1], 40_000);
const SERVER: ([u8; 4], u16) = ([10, 0, 0, 2], 80);

const fn ms(value: u64) -> Duration {
    Duration::from_millis(value)
}

/// Builds a segment from text like `SA 100 5 abc`: flags, sequence number, acknowledgement number, data.
fn frame(from: ([u8; 4], u16), to: ([u8; 4], u16), text: &str) -> Vec<u8> {
    let mut words = text.split(' ');
    let mut next = || words.next().unwrap_or_default();
    let (flags, sequence, acknowledges, data) = (next(), next(), next(), next());
    let mut packet = PacketBuilder::ethernet2([1; 6], [2; 6])
        .ipv4(from.0, to.0, 64)
        .tcp(from.1, to.1, sequence.parse().unwrap(), 1_000);
    for flag in flags.chars() {
        packet = match flag {
            'S' => packet.syn(),
            'F' => packet.fin(),
            'R' => packet.rst(),
            _ => packet.ack(acknowledges.parse().unwrap()),
        };
    }
    let mut frame = vec![0; OFFLOAD_HEADER];
    packet.write(&mut frame, data.as_bytes()).unwrap();
    frame
}

fn named(name: &str, action: FaultAction) -> FaultSpec {
    FaultSpec {
        name: name.into(),
        action,
        place: Place::default(),
    }
}

/// A link with faults.
struct TestLink {
    faults: Faults,
}

impl TestLink {
    fn new(faults: Vec<FaultSpec>) -> Self {
        Self {
            faults: Faults::new(&faults).unwrap(),
        }
    }

    /// Passes a segment in at the client's end (0) or the server's (1), and returns how many frames leave.
    fn send(&mut self, end: usize, text: &str, now: Duration) -> usize {
        let (from, to) = [(CLIENT, SERVER), (SERVER, CLIENT)][end];
        let released = self.faults.arrived(end, &frame(from, to, text), now);
        self.leave(released).len()
    }

    fn leave(&mut self, released: Vec<ReleasedFrame>) -> Vec<(usize, Segment)> {
        let mut left = Vec::new();
        for (end, frame) in released {
            self.faults.left(end, &frame);
            left.push((end, Segment::of_frame(&frame).unwrap()));
        }
        left
    }

    fn due(&mut self, now: Duration) -> Vec<(usize, Segment)> {
        let due = self.faults.due(now);
        self.leave(due)
    }

    fn handshake(&mut self, first: u32) {
        for (end, text) in [
            (0, format!("S {first}")),
            (1, format!("SA 9000 {}", first + 1)),
            (0, format!("A {} 9001", first + 1)),
        ] {
            assert_eq!(self.send(end, &text, ms(0)), 1);
        }
    }
}

fn of(from: usize) -> SegmentMatch {
    SegmentMatch {
        from: Some(from),
        ..SegmentMatch::default()
    }
}

#[test]
fn the_nth_counts_in_each_connection_and_retransmissions_count() {
    let second = SegmentMatch {
        data: Some(true),
        nth: Some([2, 3]),
        ..of(0)
    };
    let mut link = TestLink::new(vec![named("lost", FaultAction::Drop(second))]);
    for first in [100, 50_000] {
        link.handshake(first);
        let data = format!("A {} 9001 abc", first + 1);
        let left: Vec<usize> = (0..4).map(|_| link.send(0, &data, ms(1))).collect();
        assert_eq!(left, [1, 0, 0, 1]);
        assert_eq!(link.send(1, "A 9001 104 abc", ms(1)), 1, "the other way");
    }
    assert_eq!(link.faults.matched, [4]);
}

#[test]
fn a_connection_is_distinguished_from_the_one_before_it_on_the_same_ports() {
    let of_the_second = SegmentMatch {
        connection: Some(2),
        ..SegmentMatch::default()
    };
    let mut link = TestLink::new(vec![named("lost", FaultAction::Drop(of_the_second))]);
    link.handshake(100);
    assert_eq!(link.send(0, "S 100", ms(1)), 1, "the same SYN again");
    assert_eq!(link.send(0, "S 70000", ms(1)), 0, "another");
    assert_eq!(link.send(1, "A 9001 101", ms(1)), 0);
}

#[test]
fn a_delayed_segment_waits_and_a_duplicate_comes_twice() {
    let data = SegmentMatch {
        data: Some(true),
        ..of(0)
    };
    let mut link = TestLink::new(vec![
        named("twice", FaultAction::Duplicate(data)),
        named(
            "late",
            FaultAction::Delay {
                of: SegmentMatch {
                    nth: Some([1, 1]),
                    ..data
                },
                by: ms(30),
            },
        ),
    ]);
    link.handshake(100);
    assert_eq!(link.send(0, "A 101 9001 abc", ms(10)), 0);
    assert_eq!(link.send(0, "A 104 9001 def", ms(11)), 2, "it overtakes");
    assert_eq!(link.faults.next_due(), Some(ms(40)));
    assert!(link.due(ms(39)).is_empty());
    assert_eq!(link.due(ms(40)).len(), 2);
    assert_eq!(link.faults.matched, [2, 1]);
}

#[test]
fn a_stale_segment_comes_unchanged_or_where_the_new_connection_expects_one() {
    let replay = |sequence| FaultAction::Replay {
        of: SegmentMatch {
            data: Some(true),
            connection: Some(1),
            ..of(0)
        },
        after: ms(5_000),
        sequence,
    };
    let mut link = TestLink::new(vec![
        named("as-it-was", replay(None)),
        named("moved", replay(Some(Sequence { ahead: -2 }))),
    ]);
    link.handshake(100);
    link.send(0, "A 101 9001 abc", ms(0));
    link.handshake(70_000);
    let due = link.due(ms(5_000));
    let [(0, as_it_was), (0, moved)] = due.as_slice() else {
        panic!("{due:?}");
    };
    assert_eq!(
        (as_it_was.sequence, as_it_was.acknowledges),
        (101, Some(9_001))
    );
    assert_eq!((moved.sequence, moved.acknowledges), (69_999, Some(9_001)));
    assert_eq!(moved.length, 3);
}

#[test]
fn a_moved_segment_has_a_correct_checksum() {
    let mut frame = frame(CLIENT, SERVER, "A 101 9001 abc");
    let mut connections = Connections::default();
    for (end, text) in [(0, "S 4000000000"), (1, "SA 7 4000000001")] {
        let (from, to) = [(CLIENT, SERVER), (SERVER, CLIENT)][end];
        let frame = super::tests::frame(from, to, text);
        let segment = Segment::of_frame(&frame).unwrap();
        connections.arrived(end, &segment);
        connections.left(end, &segment, [0; 14]);
    }
    let connection = connections.get(1).unwrap();
    assert!(forge::move_into(
        &mut frame,
        0,
        Sequence { ahead: 10 },
        connection
    ));
    let packet = etherparse::LaxSlicedPacket::from_ethernet(&frame[OFFLOAD_HEADER..]).unwrap();
    let Some(etherparse::TransportSlice::Tcp(tcp)) = packet.transport else {
        panic!("no TCP");
    };
    assert_eq!(tcp.sequence_number(), 4_000_000_011);
    assert_eq!(tcp.acknowledgment_number(), 8);
    assert_eq!(
        tcp.calc_checksum_ipv4(CLIENT.0, SERVER.0).unwrap(),
        tcp.checksum()
    );
}

#[test]
fn a_forged_segment_has_the_addresses_and_numbers_of_its_connection() {
    let forged = Forged {
        at: ms(100),
        to: 0,
        connection: 1,
        flags: SegmentFlags {
            rst: true,
            ack: true,
            ..SegmentFlags::default()
        },
        sequence: Sequence { ahead: 5 },
        data: ByteCount(0),
    };
    let mut link = TestLink::new(vec![named("forged", FaultAction::Inject(forged))]);
    link.faults.pending.add(ms(100), 1, PendingFrame::Forge(0));
    link.handshake(100);
    link.send(1, "A 9001 101 abcd", ms(50));
    let due = link.due(ms(100));
    let [(1, segment)] = due.as_slice() else {
        panic!("{due:?}");
    };
    assert!(segment.rst && segment.from.port() == 80 && segment.to.port() == 40_000);
    assert_eq!((segment.sequence, segment.acknowledges), (9_010, Some(101)));
}

#[test]
fn a_forged_segment_for_a_missing_connection_is_not_counted() {
    let forged = Forged {
        at: ms(0),
        to: 0,
        connection: 2,
        flags: SegmentFlags::default(),
        sequence: Sequence::default(),
        data: ByteCount(0),
    };
    let mut link = TestLink::new(vec![named("forged", FaultAction::Inject(forged))]);
    link.handshake(100);
    link.faults.pending.add(ms(0), 1, PendingFrame::Forge(0));
    assert!(link.due(ms(1)).is_empty());
    assert_eq!(link.faults.matched, [0]);
}

#[test]
fn a_frame_that_is_not_a_segment_passes() {
    let mut link = TestLink::new(vec![named(
        "lost",
        FaultAction::Drop(SegmentMatch::default()),
    )]);
    assert_eq!(link.faults.arrived(0, &[0; 60], ms(0)).len(), 1);
    assert_eq!(
        link.send(0, "A 5 5", ms(0)),
        0,
        "of no connection that began here"
    );
}
