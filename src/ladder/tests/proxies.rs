//! Tests of connections to a proxy, and from it.
//!
//! ```text
//! client 10.0.0.1 ---- 10.0.0.2 mid 10.0.1.1 ---- 10.0.1.2 server
//! ```

use super::lab::{Script, end, spec_of};
use crate::ladder::{Ladder, LadderRow};

const TO_PROXY: [&str; 2] = ["10.0.0.1:40000", "10.0.0.2:3128"];
const TO_SERVER: [&str; 2] = ["10.0.1.1:50000", "10.0.1.2:80"];

fn script() -> Script {
    let spec = spec_of(
        "
nodes: { client: {}, mid: {}, server: {} }
links: [ { between: [client, mid] }, { between: [mid, server] } ]
servers:
  web: { node: server, port: 80 }
  edge: { node: mid, port: 3128, forward: web }
clients: { load: { node: client, to: edge, connect: { rate: 10/s, for: 1s, timeout: 5s } } }
expect: [ load.status.200 >= 0 ]
",
    );
    Script::new(spec, ends(["client", "mid"], TO_PROXY))
}

fn ends(nodes: [&str; 2], pair: [&str; 2]) -> Vec<(crate::record::LinkEnd, [String; 2])> {
    // Only `mid` has two links.
    let near = if nodes[0] == "mid" { "eth1" } else { "eth0" };
    [(nodes[0], near), (nodes[1], "eth0")]
        .map(|(node, name)| (end(node, name), pair.map(str::to_owned)))
        .to_vec()
}

/// A request of the client that is answered with this status.
fn request(script: &mut Script, at: f64, status: u16) {
    script
        .reach(at, "> SYN 0")
        .reach(at + 0.1, "< SYN-ACK 0 1")
        .reach(at + 0.2, "> PSH-ACK 1 1 60")
        .reach(at + 20.0, &format!("< PSH-ACK 1 61 80 {status}"));
}

fn notes(ladder: &Ladder) -> String {
    ladder.notes.join("\n")
}

#[test]
fn the_status_that_the_client_got_is_drawn() {
    let mut script = script();
    request(&mut script, 100.0, 200);
    let ladder = script.draw("load").unwrap();
    assert_eq!(ladder.outcome, "answered after 110 µs, status 200");
    let statuses: Vec<_> = (ladder.rows.iter())
        .filter_map(|row| match row {
            LadderRow::Packet(packet) => packet.status,
            LadderRow::LeftOut(_) | LadderRow::State(_) => None,
        })
        .collect();
    assert_eq!(statuses, [200]);
    assert!(!notes(&ladder).contains("proxy"), "{}", notes(&ladder));
}

#[test]
fn a_503_of_a_proxy_without_a_local_port_says_that_nothing_was_sent() {
    let mut script = script();
    request(&mut script, 100.0, 503);
    script.series("edge.errors.EADDRNOTAVAIL", false, &[(0, 0), (120, 1)]);
    let ladder = script.draw("load").unwrap();
    assert_eq!(ladder.outcome, "answered after 110 µs, status 503");
    let expected = "proxy `edge` answered 503: it had no local port for a connection to `web` (EADDRNOTAVAIL), so it \
                    sent nothing there";
    assert!(notes(&ladder).contains(expected), "{}", notes(&ladder));
    let error = script.draw("edge").unwrap_err().to_string();
    assert_eq!(
        error,
        "find a connection attempt of `edge`: no SYN left `mid`; 1 attempts had no local port left (EADDRNOTAVAIL) and \
         sent no packets"
    );
}

#[test]
fn the_failed_attempt_of_a_proxy_is_drawn_and_named_beside_the_503() {
    let of_proxy = ends(["mid", "server"], TO_SERVER);
    let spec = script().spec;
    let mut all = ends(["client", "mid"], TO_PROXY);
    all.extend(of_proxy);
    let mut script = Script::new(spec, all);
    script.between(0, 2, |script| request(script, 100.0, 503));
    script.between(2, 2, |script| {
        script.reach(105.0, "> SYN 0").reach(105.1, "< RST-ACK 0 1");
    });
    script.series("edge.errors.ECONNREFUSED", false, &[(0, 0), (106, 1)]);
    let ladder = script.draw("edge").unwrap();
    assert_eq!(
        (ladder.client.as_str(), ladder.outcome.as_str()),
        ("edge", "refused after 110 µs")
    );
    let nodes: Vec<_> = ladder.nodes.iter().map(|node| node.as_str()).collect();
    assert_eq!(nodes, ["mid", "server"]);
    let client = script.draw("load").unwrap();
    let expected = "proxy `edge` answered 503: its connection to `web` for this request failed with ECONNREFUSED, and \
                    is drawn by `--ladder edge:1` (inferred from the time)";
    assert!(notes(&client).contains(expected), "{}", notes(&client));
}
