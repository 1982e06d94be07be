//! Tests of complete drawings of ladders.

use insta::assert_snapshot;

use crate::ladder::tests::lab::Script;
use crate::report::ladder::text;

/// A connection from SYN to the last ACK; the client closes.
fn plain(script: &mut Script) -> &mut Script {
    script
        .reach(100.0, "> SYN 0")
        .reach(100.1, "< SYN-ACK 0 1")
        .reach(100.2, "> ACK 1 1")
        .reach(100.3, "> PSH-ACK 1 1 60")
        .reach(100.4, "< ACK 1 61")
        .reach(100.5, "< PSH-ACK 1 61 512")
        .reach(100.6, "> ACK 61 513")
        .reach(100.7, "> FIN-ACK 61 513")
        .reach(100.8, "< FIN-ACK 513 62")
        .reach(100.9, "> ACK 62 514")
}

#[test]
fn a_connection_opens_and_closes_through_a_translation() {
    let mut script = Script::with_port(20_000);
    plain(&mut script);
    assert_snapshot!(drawn(&script, "load"));
}

#[test]
fn syns_vanish_in_a_router_whose_table_is_full() {
    let mut script = Script::with_port(40_000);
    script
        .series("nat.conntrack.drop", false, &[(0, 0), (200, 1), (1200, 2)])
        .series("nat.conntrack.entries", false, &[(0, 100)])
        .series("nat.conntrack.max", false, &[(0, 100)])
        .send(150.0, "> SYN 0", 2)
        .send(1150.0, "> SYN 0", 2)
        .reach(3150.0, "> SYN 0")
        .reach(3150.1, "< SYN-ACK 0 1")
        .reach(3150.2, "> ACK 1 1")
        .until(5000);
    assert_snapshot!(drawn(&script, "load"));
}

#[test]
fn a_full_accept_queue_ignores_the_last_ack_and_then_syns() {
    let mut script = Script::with_port(40_000);
    script
        .series(
            "server.TcpExtListenOverflows",
            false,
            &[(0, 0), (200, 1), (1200, 2)],
        )
        .reach(150.0, "> SYN 0")
        .reach(150.1, "< SYN-ACK 0 1")
        .reach(150.2, "> ACK 1 1")
        .reach(150.3, "> PSH-ACK 1 1 60")
        .reach(1150.0, "< SYN-ACK 0 1")
        .reach(1150.1, "> ACK 61 1")
        .reach(3150.0, "< SYN-ACK 0 1")
        .until(5000);
    assert_snapshot!(drawn(&script, "load"));
    let mut script = Script::with_port(40_000);
    script
        .series(
            "server.TcpExtListenOverflows",
            false,
            &[(0, 3), (200, 4), (1200, 5)],
        )
        .reach(150.0, "> SYN 0")
        .reach(1150.0, "> SYN 0")
        .until(5000);
    assert_snapshot!(
        "syns_that_a_full_accept_queue_ignores",
        drawn(&script, "load")
    );
}

#[test]
fn a_server_without_a_listener_refuses() {
    let mut script = Script::with_port(40_000);
    script.reach(100.0, "> SYN 0");
    // It has no initial sequence number of its own.
    let zero = crate::ladder::tests::lab::ISN[1].wrapping_neg();
    script
        .reach(100.1, &format!("< RST-ACK {zero} 1"))
        .until(300);
    assert_snapshot!(drawn(&script, "load"));
}

#[test]
fn data_is_sent_again_and_a_piece_is_lost_on_the_link() {
    let mut script = Script::with_port(40_000);
    script.spec.topology.links[1].impairment.loss = crate::units::Percent::from_fraction(0.01);
    script
        .reach(0.0, "> SYN 0")
        .reach(0.1, "< SYN-ACK 0 1")
        .reach(0.2, "> ACK 1 1")
        .send(0.3, "> ACK 1 1 1448", 3)
        .reach(0.4, "> PSH-ACK 1449 1 100")
        .reach(0.5, "< ACK 1 1")
        .reach(200.3, "> ACK 1 1 1448")
        .reach(200.4, "< ACK 1 1549")
        .reach(60_000.0, "> ACK 1548 1")
        .reach(60_000.1, "< ACK 1 1549")
        .until(61_000);
    assert_snapshot!(drawn(&script, "load"));
}

#[test]
fn both_ends_close_at_once() {
    let mut script = Script::with_port(40_000);
    script
        .reach(0.0, "> SYN 0")
        .reach(0.1, "< SYN-ACK 0 1")
        .reach(0.2, "> ACK 1 1")
        .reach(5.0, "> FIN-ACK 1 1")
        .reach(5.001, "< FIN-ACK 1 1")
        .reach(5.1, "> ACK 2 2")
        .reach(5.101, "< ACK 2 2")
        .until(1000);
    assert_snapshot!(drawn(&script, "load"));
}

#[test]
fn an_emulated_drop_says_so() {
    let mut script = Script::with_port(40_000);
    let server = script.spec.topology.nodes.get_mut("server").unwrap();
    server.emulate = vec![crate::scenario::topology::Emulation::TcpTwRecycle];
    script
        .series("server.TcpExtPAWSPassive", true, &[(0, 0), (200, 1)])
        .send(150.0, "> SYN 0", 3)
        .until(5000);
    assert_snapshot!(drawn(&script, "load"));
}

#[test]
fn a_ladder_for_a_page_is_one_picture() {
    let mut script = Script::with_port(20_000);
    script
        .series("nat.conntrack.drop", false, &[(0, 0), (200, 1)])
        .send(150.0, "> SYN 0", 2)
        .reach(1150.0, "> SYN 0")
        .reach(1150.1, "< SYN-ACK 0 1")
        .until(5000);
    let svg = crate::report::ladder::svg(&script.draw("load").unwrap());
    assert_snapshot!(svg.replace("><", ">\n<"));
}

/// The ladder as text, 80 columns wide.
fn drawn(script: &Script, which: &str) -> String {
    text(&script.draw(which).unwrap(), 80, false)
}
