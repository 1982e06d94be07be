//! Tests of following packets: through translations, cut into pieces, with reused ports.

use super::lab::{Script, end, packets, spec_of};
use crate::ladder::{LadderRow, LossPoint, PacketFate, PacketRow};

#[test]
fn a_forwarded_port_leads_on_to_the_server() {
    let spec = spec_of(
        "
name: forwarded
title: Forwarded
nodes: { client: {}, nat: { nat: { dnat: { port: 8080, to: web } } }, server: {} }
links: [ { between: [client, nat] }, { between: [nat, server] } ]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: 'nat:8080', connect: { rate: 10/s, for: 1s } } }
expect: [ load.established >= 0 ]
",
    );
    let target = spec.workload.clients[0].target.to_string();
    let before = ["10.0.0.1:40000".to_owned(), target];
    let behind = ["10.0.0.1:40000".to_owned(), "10.0.1.2:80".to_owned()];
    let ends = vec![
        (end("client", "eth0"), before.clone()),
        (end("nat", "eth0"), before),
        (end("nat", "eth1"), behind.clone()),
        (end("server", "eth0"), behind),
    ];
    let mut script = Script::new(spec, ends);
    script.reach(0.0, "> SYN 0").reach(0.1, "< SYN-ACK 0 1");
    let ladder = script.draw("load").unwrap();
    let nodes: Vec<_> = ladder.nodes.iter().map(|node| node.as_str()).collect();
    assert_eq!(nodes, ["client", "nat", "server"]);
    assert!(ladder.links[1].translated);
    assert!(packets(&ladder).iter().all(|packet| packet.hops.len() == 2));
}

/// A client uses the forwarded port of a router in the server's own network.
///
/// ```text
/// client ---+
/// router ---+ lan
/// server ---+
/// ```
fn hairpin(masquerades: bool) -> Script {
    let masquerade = match masquerades {
        true => ", masquerade: { toward: server }",
        false => "",
    };
    let spec = spec_of(&format!(
        "
name: hairpin
title: Hairpin
nodes:
  client: {{}}
  router: {{ nat: {{ dnat: {{ port: 8080, to: web }}{masquerade} }} }}
  server: {{}}
segments: {{ lan: [client, router, server] }}
servers: {{ web: {{ node: server, port: 80 }} }}
clients: {{ load: {{ node: client, to: 'router:8080', connect: {{ rate: 10/s, for: 1s }} }} }}
expect: [ load.established >= 0 ]
"
    ));
    let address = |node: &str| {
        let interfaces = &spec.topology.nodes[node].interfaces;
        interfaces[0].addresses[0].address
    };
    let client = format!("{}:40000", address("client"));
    let behind = match masquerades {
        true => format!("{}:40000", address("router")),
        false => client.clone(),
    };
    let before = [client, format!("{}:8080", address("router"))];
    let behind = [behind, format!("{}:80", address("server"))];
    let ends = vec![
        (end("client", "eth0"), before.clone()),
        (end("lan", "eth0"), before.clone()),
        (end("lan", "eth1"), before.clone()),
        (end("router", "eth0"), before),
        (end("router", "eth0"), behind.clone()),
        (end("lan", "eth1"), behind.clone()),
        (end("lan", "eth2"), behind.clone()),
        (end("server", "eth0"), behind),
    ];
    Script::new(spec, ends)
}

#[test]
fn packets_that_pass_a_link_in_both_directions_are_followed_to_the_server() {
    let mut script = hairpin(true);
    script
        .reach(0.0, "> SYN 0")
        .reach(0.2, "< SYN-ACK 0 1")
        .reach(0.4, "> ACK 1 1")
        .reach(0.6, "> FIN-ACK 1 1");
    let ladder = script.draw("load").unwrap();
    let nodes: Vec<_> = ladder.nodes.iter().map(|node| node.as_str()).collect();
    assert_eq!(nodes, ["client", "lan", "router", "lan", "server"]);
    let translated: Vec<_> = ladder.links.iter().map(|link| link.translated).collect();
    assert_eq!(translated, [false, false, true, false]);
    let packets = packets(&ladder);
    assert_eq!(packets.len(), 4);
    for packet in packets {
        assert_eq!(packet.hops.len(), 4, "{packet:?}");
        assert_eq!(packet.fate, PacketFate::Arrived);
        assert_eq!(packet.mark, None);
    }
}

#[test]
fn an_answer_past_the_translating_router_reaches_the_client() {
    let mut script = hairpin(false);
    script.reach(0.0, "> SYN 0");
    for end in 0..4 {
        script.ends[end].1 = script.ends[7].1.clone();
    }
    let time = |micros: u64| 1_763_640_000_000_000_000 + micros * 1000;
    for (number, micros) in [(0, 200), (1, 210), (6, 220), (7, 230)] {
        script.sight(time(micros), "< SYN-ACK 0 1", number);
        script.sight(time(micros + 100), "> RST 1", number);
    }
    let ladder = script.until(2000).draw("load").unwrap();
    assert_eq!(ladder.outcome, "never answered");
    let packets = packets(&ladder);
    assert_eq!(packets.len(), 3);
    assert_eq!(packets[0].hops.len(), 4);
    for packet in &packets[1..] {
        assert_eq!(packet.fate, PacketFate::Arrived);
        let links: Vec<_> = packet.hops.iter().map(|hop| hop.link).collect();
        assert!(links == [0, 3] || links == [3, 0], "{packet:?}");
        assert_eq!(packet.mark.as_deref(), Some("bypasses the translation"));
        assert_eq!(
            packet.states[0], None,
            "the socket of the client does not take it"
        );
    }
}

#[test]
fn two_clients_behind_one_address_are_kept_apart() {
    let mut script = Script::with_port(20_000);
    script.reach(0.0, "> SYN 0");
    // The other client has another port before the translation, the next one after it, and sends at the same time.
    for (_, pair) in &mut script.ends {
        pair[0] = pair[0].replace("40000", "40001").replace("20000", "20001");
    }
    script
        .reach(0.001, "> SYN 99")
        .reach(0.1, "< SYN-ACK 0 100");
    for (_, pair) in &mut script.ends {
        pair[0] = pair[0].replace("40001", "40000").replace("20001", "20000");
    }
    script.reach(0.2, "< SYN-ACK 0 1");
    for which in ["load:1", "load:2"] {
        let ladder = script.draw(which).unwrap();
        assert_eq!(packets(&ladder).len(), 2, "{which}");
        assert!(packets(&ladder).iter().all(|packet| packet.hops.len() == 2));
    }
}

#[test]
fn a_segment_that_is_not_translated_any_more_is_followed_to_the_server() {
    let mut script = Script::with_port(20_000);
    script
        .reach(0.0, "> SYN 0")
        .reach(0.1, "< SYN-ACK 0 1")
        .reach(0.2, "> ACK 1 1");
    // The entry has expired.
    for (_, pair) in &mut script.ends {
        pair[0] = "10.0.0.1:40000".to_owned();
    }
    script
        .reach(3500.0, "> PSH-ACK 1 1 10")
        .reach(3500.1, "< RST 1");
    let ladder = script.draw("load").unwrap();
    let packets = packets(&ladder);
    assert_eq!(packets.len(), 5);
    for packet in &packets[3..] {
        assert_eq!(packet.hops.len(), 2, "{packet:?}");
        assert_eq!(packet.fate, PacketFate::Arrived);
        assert_eq!(packet.mark.as_deref(), Some("not translated"));
    }
    assert!(packets[..3].iter().all(|packet| packet.mark.is_none()));
    assert_eq!(ladder.links[1].addresses.len(), 1);
}

#[test]
fn a_reused_port_begins_another_connection() {
    let mut script = Script::with_port(20_000);
    script
        .reach(0.0, "> SYN 0")
        .reach(0.1, "< SYN-ACK 0 1")
        .reach(0.2, "> RST-ACK 1 1")
        .reach(5.0, "> SYN 70000")
        .reach(5.1, "< SYN-ACK 70000 70001")
        .reach(5.2, "> ACK 70001 70001");
    let first = script.draw("load:1").unwrap();
    assert_eq!((first.attempts, packets(&first).len()), (2, 3));
    let second = script.draw("load:2").unwrap();
    let seqs: Vec<_> = packets(&second)
        .iter()
        .map(|packet| (packet.seq, packet.ack))
        .collect();
    assert_eq!(seqs, [(0, None), (0, Some(1)), (1, Some(1))]);
}

#[test]
fn a_translated_port_taken_over_by_another_connection_is_released() {
    let mut script = Script::with_port(20_000);
    script
        .reach(0.0, "> SYN 0")
        .reach(0.1, "< SYN-ACK 0 1")
        .reach(0.2, "> RST-ACK 1 1");
    // Another port of the client, behind the same translated port.
    for (_, pair) in &mut script.ends {
        pair[0] = pair[0].replace("40000", "40001");
    }
    script
        .reach(5.0, "> SYN 4000")
        .reach(5.1, "< SYN-ACK 9000 4001");
    let ladder = script.draw("load:1").unwrap();
    assert_eq!(packets(&ladder).len(), 3);
}

#[test]
fn a_segment_cut_on_the_way_is_not_lost() {
    let mut script = Script::with_port(40_000);
    script
        .reach(0.0, "> SYN 0")
        .reach(0.1, "< SYN-ACK 0 1")
        .reach(0.2, "> ACK 1 1")
        // Whole up to the router, in two pieces after it.
        .send(0.3, "> PSH-ACK 1 1 2896", 2);
    let base = 1_763_640_000_000_330_000;
    for (number, what) in [(0, "> ACK 1 1 1448"), (1, "> PSH-ACK 1449 1 1448")] {
        for place in [2, 3] {
            script.sight(base + number * 1000 + place as u64 * 10_000, what, place);
        }
    }
    script.reach(0.5, "< ACK 1 2897").until(1000);
    let ladder = script.draw("load").unwrap();
    let packets = packets(&ladder);
    assert!(
        packets
            .iter()
            .all(|packet| packet.fate == PacketFate::Arrived),
        "{packets:#?}"
    );
    assert!(packets.iter().all(|packet| packet.mark.is_none()));
    assert_eq!(packets.len(), 7);
}

/// A SYN-ACK has no identification, so only its timestamps identify it.
#[test]
fn two_packets_in_flight_at_once_are_kept_apart_by_their_timestamps() {
    let mut script = Script::with_port(40_000);
    script.reach(0.0, "> SYN 0");
    let base = 1_763_640_000_000_000_000;
    // Sent 20 ms apart; each takes 20.01 ms.
    for (sent, stamp) in [(50_000_000, 500), (70_000_000, 520)] {
        script.stamp = Some(stamp);
        for (place, after) in [0, 20_010_000, 20_020_000, 20_030_000]
            .into_iter()
            .enumerate()
        {
            script.sight(base + sent + after, "< SYN-ACK 0 1", place);
        }
    }
    let ladder = script.draw("load").unwrap();
    let packets = packets(&ladder);
    let transits = packets[1..]
        .iter()
        .map(|packet| packet.hops[0].transit.unwrap().as_micros());
    assert_eq!(transits.collect::<Vec<_>>(), [20_010, 20_010]);
}

#[test]
fn a_loss_on_the_way_back_is_marked_there() {
    let mut script = Script::with_port(40_000);
    script
        .reach(0.0, "> SYN 0")
        .send(0.1, "< SYN-ACK 0 1", 1)
        .send(1000.1, "< SYN-ACK 0 1", 2)
        .send(3000.1, "< SYN-ACK 0 1", 3)
        .until(9000);
    let ladder = script.draw("load").unwrap();
    let places: Vec<_> = packets(&ladder)
        .iter()
        .map(|packet| &packet.fate)
        .map(|fate| match fate {
            PacketFate::Vanished { at, .. } => Some(*at),
            PacketFate::Arrived | PacketFate::InFlight => None,
        })
        .collect();
    let (link, node) = (LossPoint::Link, LossPoint::Node);
    assert_eq!(places, [None, Some(link(1)), Some(node(1)), Some(link(0))]);
}

#[test]
fn packets_cut_off_by_the_end_of_the_capture_are_not_lost() {
    let mut script = Script::with_port(40_000);
    script.send(0.0, "> SYN 0", 2).until(50);
    let ladder = script.draw("load").unwrap();
    assert_eq!(packets(&ladder)[0].fate, PacketFate::InFlight);
}

#[test]
fn a_delayed_link_gives_packets_more_time() {
    let mut script = Script::with_port(40_000);
    script.spec.topology.links[0].impairment.delay = Some(std::time::Duration::from_secs(1));
    script.send(0.0, "> SYN 0", 1).until(900);
    assert_eq!(
        packets(&script.draw("load").unwrap())[0].fate,
        PacketFate::InFlight
    );
}

#[test]
fn a_long_connection_is_shown_by_its_beginning_and_its_end() {
    let mut script = Script::with_port(40_000);
    script.reach(0.0, "> SYN 0").reach(0.1, "< SYN-ACK 0 1");
    for number in 0..500 {
        script.reach(
            1.0 + f64::from(number),
            &format!("> ACK {} 1 10", 1 + number * 10),
        );
    }
    let ladder = script.draw("load").unwrap();
    assert_eq!(ladder.rows.len(), 61);
    assert_eq!(ladder.rows[30], LadderRow::LeftOut(442));
}

#[test]
fn a_loss_in_the_middle_of_a_long_connection_is_shown() {
    let mut script = Script::with_port(40_000);
    script.reach(0.0, "> SYN 0").reach(0.1, "< SYN-ACK 0 1");
    for number in 0..500 {
        let (at, segment) = (
            1.0 + f64::from(number),
            format!("> ACK {} 1 10", 1 + number * 10),
        );
        if number == 250 {
            script.send(at, &segment, 3);
        } else {
            script.reach(at, &segment);
        }
    }
    script.reach(501.0, "> ACK 2501 1 10").until(2000);
    let ladder = script.draw("load").unwrap();
    let before = 502 + 1 - 60 - 3;
    let left_out = ladder.rows.iter().filter_map(|row| match row {
        LadderRow::LeftOut(count) => Some(*count),
        LadderRow::Packet(_) | LadderRow::State(_) => None,
    });
    let left_out: Vec<usize> = left_out.collect();
    assert_eq!(left_out.len(), 2);
    assert_eq!(left_out.iter().sum::<usize>(), before);
    let lost = |packet: &&PacketRow| matches!(packet.fate, PacketFate::Vanished { .. });
    assert_eq!(packets(&ladder).into_iter().filter(lost).count(), 1);
}
