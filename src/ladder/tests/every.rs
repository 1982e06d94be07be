//! Tests of the histories of all connections of a run.

use std::time::Duration;

use super::choices::three;
use crate::ladder::{LadderRow, PacketFate, histories, histories_of_trace};
use crate::record::{Event, KernelEvent, KernelFact, Offset};
use crate::tcp::TcpState;

const MOST: (usize, usize) = (100, 1000);
const MS: u64 = 1_000_000;

/// The state of a socket of a client, whose server is behind the translation of a router.
fn traced(at: u64, node: &str, port: u16, [from, to]: [TcpState; 2]) -> Event {
    let (client, server) = (([10, 0, 0, 1], port).into(), ([10, 0, 1, 2], 80).into());
    let (local, peer) = if node == "client" {
        (client, server)
    } else {
        (server, client)
    };
    Event::Traced(KernelEvent {
        t: Offset(at * MS),
        node: node.into(),
        local: Some(local),
        peer: Some(peer),
        what: KernelFact::State { from, to },
    })
}

#[test]
fn every_connection_has_the_packets_of_its_ladder() {
    let script = three();
    let all = histories(&script.capture(), &script.spec, &script.timeline, MOST).unwrap();
    assert_eq!(all.connections.len(), 3);
    for history in &all.connections {
        let ladder = script.draw(&format!("load:{}", history.attempt)).unwrap();
        let packets: Vec<LadderRow> = history
            .packets
            .iter()
            .cloned()
            .map(LadderRow::Packet)
            .collect();
        assert_eq!(packets, ladder.rows);
        assert_eq!(history.began, ladder.began);
        assert!(history.states.iter().all(|state| state.inferred));
    }
    let lost = &all.connections[2].packets[0];
    assert!(matches!(lost.fate, PacketFate::Vanished { .. }), "{lost:?}");
    // The second hop is left after the first has been passed.
    let hops = &all.connections[0].packets[0].hops;
    assert_eq!(hops[0].left, Some(Duration::ZERO));
    assert_eq!(hops[1].left, Some(Duration::from_micros(20)));
}

#[test]
fn connections_beyond_a_limit_are_counted() {
    let script = three();
    let some = |most| {
        let all = histories(&script.capture(), &script.spec, &script.timeline, most).unwrap();
        (all.connections.len(), all.left_out)
    };
    assert_eq!(some((2, 1000)), (2, 1));
    assert_eq!(some((100, 3)), (2, 1));
}

#[test]
fn states_beyond_the_end_of_a_trace_are_inferred() {
    let mut script = three();
    let states = [TcpState::Close, TcpState::SynSent];
    script.timeline.add(traced(100, "client", 40_000, states));
    let all = histories(&script.capture(), &script.spec, &script.timeline, MOST).unwrap();
    let traced: Vec<bool> = all.connections.iter().map(|each| each.traced).collect();
    assert_eq!(traced, [true, false, false]);
    assert!(!all.connections[1].states.is_empty());
    assert!(all.connections[1].states.iter().all(|state| state.inferred));
}

#[test]
fn states_of_an_earlier_socket_with_the_same_port_are_left_out() {
    use TcpState::{Close, Established, Listen, SynRecv, SynSent};
    let mut script = three();
    let began = script.draw("load:1").unwrap().began.unwrap();
    let began = u64::try_from(began.as_nanos()).unwrap();
    let port = script.draw("load:1").unwrap().links[0].addresses[0].clone();
    let port = port
        .split(" → ")
        .next()
        .unwrap()
        .rsplit(':')
        .next()
        .unwrap();
    let port: u16 = port.parse().unwrap();
    // The earlier socket was reset, so its port was free at once: all of it lies within the time in which a SYN may
    // follow its state.
    for (before, node, states) in [
        (900, "client", [Close, SynSent]),
        (800, "server", [Listen, SynRecv]),
        (700, "client", [SynSent, Established]),
        (600, "client", [Established, Close]),
        (500, "server", [SynRecv, Close]),
        (10, "client", [Close, SynSent]),
    ] {
        let mut event = traced(0, node, port, states);
        if let Event::Traced(event) = &mut event {
            event.t = Offset(began - before * 1000);
        }
        script.timeline.add(event);
    }
    let all = histories(&script.capture(), &script.spec, &script.timeline, MOST).unwrap();
    let first = &all.connections[0];
    let own = first.states.iter().filter(|state| !state.inferred);
    let own: Vec<_> = own.map(|state| (state.side, state.state)).collect();
    assert_eq!(own, [(0, SynSent)], "{:?}", first.states);
}

#[test]
fn a_trace_alone_shows_the_states_of_both_ends() {
    use TcpState::{Close, Established, FinWait1, FinWait2, Listen, SynRecv, SynSent, TimeWait};
    let mut script = three();
    for (at, node, states) in [
        (10, "client", [Close, SynSent]),
        (11, "server", [Listen, SynRecv]),
        (12, "client", [SynSent, Established]),
        (13, "server", [SynRecv, Established]),
        (20, "client", [Established, FinWait1]),
        (21, "client", [FinWait1, FinWait2]),
        (22, "client", [FinWait2, Close]),
        (30, "client", [Close, SynSent]),
    ] {
        script.timeline.add(traced(at, node, 40_000, states));
    }
    let all = histories_of_trace(&script.spec, &script.timeline, 100);
    let [first, second] = all.connections.as_slice() else {
        panic!("{all:?}");
    };
    assert_eq!(first.outcome, "established after 2.0 ms");
    assert_eq!(second.outcome, "never established");
    let of_client = first.states.iter().filter(|state| state.side == 0);
    let of_client: Vec<_> = of_client
        .map(|state| (state.state, state.inferred))
        .collect();
    // The kernel does not trace TIME_WAIT: the socket that is closed there has been replaced.
    assert_eq!(
        of_client,
        [
            (SynSent, false),
            (Established, false),
            (FinWait1, false),
            (FinWait2, false),
            (TimeWait, true)
        ]
    );
    assert_eq!(
        first.states.iter().filter(|state| state.side == 1).count(),
        2
    );
    assert_eq!(second.states.len(), 1);
    let apart = first.states.iter().find_map(|state| state.disagreement);
    assert_eq!(apart.unwrap().lasts, Some(Duration::from_millis(1)));
}
