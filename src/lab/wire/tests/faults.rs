//! Faults on a link between real kernels.

use super::*;
use crate::scenario::Place;
use crate::scenario::fault::{
    FaultAction, FaultSpec, Forged, SegmentFlags, SegmentMatch, Sequence,
};
use crate::units::ByteCount;

fn fault(name: &str, action: FaultAction) -> FaultSpec {
    FaultSpec {
        name: name.into(),
        action,
        place: Place::default(),
    }
}

fn syn_ack() -> SegmentMatch {
    SegmentMatch {
        from: Some(1),
        flags: Some(SegmentFlags {
            syn: true,
            ack: true,
            ..SegmentFlags::default()
        }),
        nth: Some([1, 1]),
        ..SegmentMatch::default()
    }
}

fn connect(link: &WiredPair, to: &'static str) -> (TcpListener, io::Result<TcpStream>, Duration) {
    let listener = link.b.run(move || TcpListener::bind(to)).unwrap().unwrap();
    let started = Instant::now();
    let stream = link.a.run(move || TcpStream::connect(to)).unwrap();
    (listener, stream, started.elapsed())
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_lost_syn_ack_costs_each_connection_a_retry_over_ipv4_and_ipv6() {
    let lost = fault("lost", FaultAction::Drop(syn_ack()));
    let link = WiredPair::with_faults(&Impairment::default(), &[lost], 1);
    link.begin();
    for to in ["10.0.0.2:80", "[fd00::2]:80"] {
        let (_listener, stream, took) = connect(&link, to);
        assert!(stream.is_ok());
        // The first retry, of either end, comes after 1 s (RFC 6298).
        assert!(took > ms(900), "{took:?}");
    }
    assert_eq!(last(&link.finish(), "lost.matched"), 2);
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_forged_reset_ends_a_connection_only_at_the_expected_sequence() {
    let reset = |name, at, ahead| {
        let forged = Forged {
            at: ms(at),
            to: 0,
            connection: 1,
            flags: SegmentFlags {
                rst: true,
                ..SegmentFlags::default()
            },
            sequence: Sequence { ahead },
            data: ByteCount(0),
        };
        fault(name, FaultAction::Inject(forged))
    };
    let faults = [reset("far", 200, 10_000_000), reset("exact", 700, 0)];
    for to in ["10.0.0.2:80", "[fd00::2]:80"] {
        let link = WiredPair::with_faults(&Impairment::default(), &faults, 1);
        let begun = Instant::now();
        link.begin();
        let (_listener, stream, _) = connect(&link, to);
        let mut stream = stream.unwrap();
        let error = stream.read(&mut [0; 1]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert!(begun.elapsed() >= ms(700), "the one far away did nothing");
        let timeline = link.finish();
        assert_eq!(last(&timeline, "far.matched"), 1);
        assert_eq!(last(&timeline, "exact.matched"), 1);
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_transfer_survives_faults_and_every_one_is_counted() {
    let data = |nth| SegmentMatch {
        from: Some(0),
        data: Some(true),
        nth: Some(nth),
        ..SegmentMatch::default()
    };
    let faults = [
        fault("lost", FaultAction::Drop(data([5, 7]))),
        fault("twice", FaultAction::Duplicate(data([10, 14]))),
        fault(
            "late",
            FaultAction::Delay {
                of: data([20, 20]),
                by: ms(50),
            },
        ),
        fault(
            "stale",
            FaultAction::Replay {
                of: data([1, 1]),
                after: ms(10),
                sequence: None,
            },
        ),
    ];
    let link = WiredPair::with_faults(&Impairment::default(), &faults, 1);
    for node in [&link.a, &link.b] {
        shell(node, "ip link set eth0 gso_max_segs 1");
    }
    link.begin();
    // The transfer checks every byte.
    transfer(&link.a, &link.b, "10.0.0.2:80", 1);
    let timeline = link.finish();
    for (name, count) in [("lost", 3), ("twice", 5), ("late", 1), ("stale", 1)] {
        assert_eq!(last(&timeline, &format!("{name}.matched")), count, "{name}");
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_reordered_and_repeated_packets_are_counted_and_a_transfer_survives_them() {
    let impairment = Impairment {
        delay: Some(ms(5)),
        reorder: Percent::from_fraction(0.05),
        duplicate: Percent::from_fraction(0.05),
        ..Impairment::default()
    };
    let link = WiredPair::new(&impairment, 1);
    for node in [&link.a, &link.b] {
        shell(node, "ip link set eth0 gso_max_segs 1");
    }
    link.begin();
    transfer(&link.a, &link.b, "10.0.0.2:80", 1);
    let timeline = link.finish();
    for what in ["reordered", "duplicated"] {
        // There are about 730 segments, plus their ACKs.
        let count = last(&timeline, &format!("wire.a-b.{what}"));
        assert!((15..150).contains(&count), "{what}: {count}");
    }
    assert!(timeline.series("wire.a-b.late").is_some());
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_the_precision_of_a_wire_is_measured() {
    let link = WiredPair::new(&Impairment::default(), 1);
    let probe = |netns: &NetNs| precision::WireProbe {
        netns: netns.clone(),
        interface: "eth0".into(),
    };
    for mtu in [None, Some(1_400), Some(9_000)] {
        let measured = precision::measure([probe(&link.a), probe(&link.b)], mtu).unwrap();
        assert!(measured.delay_p50 > 1_000 && measured.delay_p50 <= measured.delay_max);
        assert!(measured.rate > 10_000_000, "{measured:?}");
    }
}
