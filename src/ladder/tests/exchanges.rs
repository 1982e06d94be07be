//! Tests of following datagrams.

use super::lab::{Script, end, packets, spec_of};
use crate::ladder::{LossPoint, PacketFate};
use crate::names::NodeName;
use crate::record::{
    Event, KernelEvent, KernelFact, Offset, TrackedEntry, TrackedEvent, TrackedFact,
};

const CLIENT: &str = "10.0.0.1:40000";
const BEHIND: &str = "10.0.1.1:40000";
const SERVER: &str = "10.0.1.2:53";

/// ```text
/// client ---- nat ---- server :53/udp
/// ```
fn script() -> Script {
    let spec = spec_of(
        "
name: queries
title: Queries
nodes: { client: {}, nat: { nat: { masquerade: { toward: server } } }, server: {} }
links: [ { between: [client, nat] }, { between: [nat, server] } ]
servers: { dns: { node: server, port: 53, protocol: udp } }
clients: { load: { node: client, to: dns, queries: { rate: 10/s, for: 1s } } }
expect: [ load.sent >= 0 ]
",
    );
    let pair = |from: &str| [from.to_owned(), SERVER.to_owned()];
    let ends = vec![
        (end("client", "eth0"), pair(CLIENT)),
        (end("nat", "eth0"), pair(CLIENT)),
        (end("nat", "eth1"), pair(BEHIND)),
        (end("server", "eth0"), pair(BEHIND)),
    ];
    Script::new(spec, ends)
}

fn track(script: &mut Script, what: TrackedFact) {
    script.timeline.add(Event::Tracked(TrackedEvent {
        t: Offset::ZERO,
        node: NodeName::new("nat"),
        what,
    }));
}

fn entry() -> TrackedEntry {
    TrackedEntry {
        id: 1,
        protocol: "udp".to_owned(),
        original: [CLIENT, SERVER].map(|text| text.parse().unwrap()),
        reply: [SERVER, BEHIND].map(|text| text.parse().unwrap()),
        state: None,
        answered: false,
        assured: false,
        timeout: Some(30),
        late: false,
    }
}

#[test]
fn a_query_and_its_answer_are_followed_through_a_reported_translation() {
    let mut script = script();
    track(&mut script, TrackedFact::Followed);
    track(&mut script, TrackedFact::Entry(entry()));
    script
        .datagram(0.0, ">", b"question", 4)
        .datagram(0.2, "<", b"the answer", 4);
    let ladder = script.draw("load").unwrap();
    assert_eq!(ladder.outcome, "answered after 230 µs");
    assert!(ladder.links[1].translated);
    let packets = packets(&ladder);
    assert_eq!(packets.len(), 2);
    for packet in packets {
        assert!(packet.datagram);
        assert_eq!(packet.hops.len(), 2, "{packet:?}");
        assert_eq!(packet.fate, PacketFate::Arrived);
    }
}

#[test]
fn a_query_without_an_entry_is_lost_in_the_translating_node() {
    let mut script = script();
    track(&mut script, TrackedFact::Followed);
    script.datagram(0.0, ">", b"question", 2);
    let ladder = script.until(3000).draw("load").unwrap();
    assert_eq!(ladder.outcome, "never answered");
    let fate = &packets(&ladder)[0].fate;
    let at = LossPoint::Node(1);
    assert_eq!(*fate, PacketFate::Vanished { at, reason: None });
}

#[test]
fn beyond_a_translation_that_was_not_recorded_nothing_is_said() {
    let mut script = script();
    script.datagram(0.0, ">", b"question", 4);
    let ladder = script.until(3000).draw("load").unwrap();
    let nodes: Vec<_> = ladder.nodes.iter().map(|node| node.as_str()).collect();
    assert_eq!(nodes, ["client", "nat"]);
    assert_eq!(packets(&ladder)[0].fate, PacketFate::Arrived);
}

#[test]
fn a_datagram_that_arrives_and_is_dropped_by_its_socket_is_lost_for_the_kernels_reason() {
    let mut script = script();
    track(&mut script, TrackedFact::Followed);
    track(&mut script, TrackedFact::Entry(entry()));
    // Two that are alike: only the second is dropped.
    script.datagram(0.0, ">", b"question", 4);
    script.datagram(50.0, ">", b"question", 4);
    script.timeline.add(Event::Traced(KernelEvent {
        t: Offset(50_040_000),
        node: NodeName::new("server"),
        local: Some(SERVER.parse().unwrap()),
        peer: Some(BEHIND.parse().unwrap()),
        what: KernelFact::Drop {
            reason: "SOCKET_RCVBUFF".to_owned(),
            flags: None,
            seq: None,
            bound: None,
        },
    }));
    let ladder = script.until(3000).draw("load").unwrap();
    let fates: Vec<_> = packets(&ladder)
        .iter()
        .map(|packet| packet.fate.clone())
        .collect();
    assert_eq!(fates[0], PacketFate::Arrived);
    let PacketFate::Vanished { at, reason } = &fates[1] else {
        panic!("{:?}", fates[1]);
    };
    assert_eq!(*at, LossPoint::Node(2));
    let reason = reason.as_ref().unwrap().to_string();
    assert_eq!(reason, "SOCKET_RCVBUFF (the kernel's reason)");
}
