//! Tests of the choice of a connection, and of the messages when there is none.

use super::lab::{Script, end, spec_of};
use crate::ladder::{ConnectionChoice, ConnectionChoiceError};

/// Three attempts: the second is refused, the third is never answered.
pub(super) fn three() -> Script {
    let mut script = Script::with_port(40_000);
    script.reach(100.0, "> SYN 0").reach(100.1, "< SYN-ACK 0 1");
    for (number, at) in [(1, 200.0), (2, 300.0)] {
        for (_, pair) in &mut script.ends {
            pair[0] = pair[0]
                .replace("40000", &format!("4000{number}"))
                .replace("40001", &format!("4000{number}"));
        }
        script.send(at, "> SYN 5000", 4);
        if number == 1 {
            script.reach(at + 0.1, "< RST-ACK 0 5001");
        }
    }
    script.until(9000);
    script
}

#[test]
fn the_first_that_failed_is_shown_or_the_one_asked_for() {
    let shown = |which: &str| {
        let ladder = three().draw(which).unwrap();
        (ladder.attempt, ladder.attempts, ladder.outcome)
    };
    assert_eq!(shown("load"), (2, 3, "refused after 130 µs".to_owned()));
    assert_eq!(shown("load:1"), (1, 3, "answered after 130 µs".to_owned()));
    assert_eq!(shown("load:3"), (3, 3, "never answered".to_owned()));
}

#[test]
fn the_first_attempt_is_shown_if_none_failed() {
    let mut script = Script::with_port(40_000);
    script.reach(100.0, "> SYN 0").reach(100.1, "< SYN-ACK 0 1");
    assert_eq!(script.draw("load").unwrap().attempt, 1);
}

#[test]
fn an_attempt_cut_off_by_the_end_of_the_capture_has_not_failed() {
    let mut script = Script::with_port(40_000);
    script.reach(100.0, "> SYN 0").until(600);
    let ladder = script.draw("load").unwrap();
    assert_eq!(ladder.outcome, "never answered");
    // An attempt that has waited longer than its client's timeout has failed.
    let mut script = Script::with_port(40_000);
    script
        .reach(100.0, "> SYN 0")
        .reach(1200.0, "< SYN-ACK 0 1");
    assert_eq!(script.draw("load").unwrap().outcome, "answered after 1.1 s");
}

#[test]
fn a_missing_connection_is_an_error_with_a_reason() {
    let refused = |script: &Script, which: &str| script.draw(which).unwrap_err().to_string();
    assert_eq!(
        refused(&three(), "lode"),
        "find a client, proxy or command named `lode`; available: load"
    );
    assert_eq!(
        refused(&three(), "load:4"),
        "find attempt 4 of `load`: the capture has 3"
    );
    let mut silent = Script::with_port(40_000);
    assert_eq!(
        refused(&silent, "load"),
        "find a connection attempt of `load`: no SYN left `client`"
    );
    silent.series("load.errors.EADDRNOTAVAIL", false, &[(0, 0), (500, 7)]);
    assert_eq!(
        refused(&silent, "load"),
        "find a connection attempt of `load`: no SYN left `client`; 7 attempts had no local port left \
         (EADDRNOTAVAIL) and sent no packets"
    );
    let mut other = three();
    other.spec.id.variant = Some("reuse".to_owned());
    assert_eq!(
        refused(&other, "load"),
        "draw a ladder of `by-hand / reuse`: the capture is of `by-hand`"
    );
}

#[test]
fn attempts_without_a_port_are_noted_beside_those_that_had_one() {
    let mut script = three();
    script.series("load.errors.EADDRNOTAVAIL", false, &[(0, 0), (500, 7)]);
    let notes = script.draw("load").unwrap().notes;
    assert_eq!(
        notes,
        [
            "states are inferred from the packets",
            "7 attempts had no local port left (EADDRNOTAVAIL); they sent no packets and are not counted"
        ]
    );
}

#[test]
fn a_client_on_the_servers_own_node_has_no_ladder() {
    let spec = spec_of(
        "
name: at-home
title: At home
nodes: { host: {}, other: {} }
links: [ { between: [host, other] } ]
servers: { web: { node: host, port: 80 } }
clients: { load: { node: host, to: web, connect: { rate: 10/s, for: 1s } } }
expect: [ load.established >= 0 ]
",
    );
    let home = spec.workload.clients[0].target.to_string();
    let pair = ["10.0.0.1:40000".to_owned(), home];
    let mut script = Script::new(spec, vec![(end("host", "eth0"), pair)]);
    // The packets of another run, which left by a link.
    script.send(0.0, "> SYN 0", 1);
    assert_eq!(
        script.draw("load").unwrap_err().to_string(),
        "draw a ladder: `load` connects to its own node, so no packet passes a link"
    );
}

#[test]
fn commands_connect_too_and_share_attempts_with_similar_clients() {
    let mut script = Script::with_port(40_000);
    script.spec = spec_of(
        "
name: by-hand
title: By hand
nodes: { client: {}, nat: { nat: { masquerade: { toward: server } } }, server: {} }
links: [ { between: [client, nat] }, { between: [nat, server] } ]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: 10/s, for: 1s } } }
commands: { ab: { node: client, run: [ab, 'http://10.0.1.2/'], timeout: 5s } }
expect: [ load.established >= 0 ]
",
    );
    script.reach(100.0, "> SYN 0").reach(100.1, "< SYN-ACK 0 1");
    for (which, rival) in [("ab", "load"), ("load", "ab")] {
        let ladder = script.draw(which).unwrap();
        assert_eq!(ladder.rows.len(), 2);
        assert!(ladder.notes[1].starts_with(&format!("{rival} on `client` may connect")));
    }
}

#[test]
fn connections_are_named_by_client_and_number() {
    let which = |text: &str| text.parse::<ConnectionChoice>();
    let named = which("load:12").unwrap();
    assert_eq!((named.client.as_str(), named.attempt), ("load", Some(12)));
    assert_eq!(which("load").unwrap().attempt, None);
    for text in ["", ":1", "load:", "load:0", "load:x", "load:-1", "load:1:2"] {
        assert_eq!(which(text), Err(ConnectionChoiceError(text.to_owned())));
    }
}
