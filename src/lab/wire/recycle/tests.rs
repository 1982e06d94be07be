//! Sequences of segments as recorded in a run on Linux 4.9, and corner cases around them.
//!
//!     a (clock ahead) --+
//!                       nat ---- server: recycles, closes first
//!     b (clock behind) -+

use super::*;
use crate::lab::wire::segment::Timestamps;
use proptest::prelude::*;

const SERVER: &str = "10.0.1.2:80";
const NAT: &str = "10.0.1.1";

/// Ticks per second of a peer's clock: `CONFIG_HZ` of most kernels of that time.
const HZ: u64 = 250;

fn ms(value: u64) -> Duration {
    Duration::from_millis(value)
}

fn server(enabled: bool) -> Recycle {
    let local = [SERVER.parse::<SocketAddr>().unwrap().ip()];
    Recycle::new(local.into_iter().collect(), enabled)
}

fn segment(from: &str, to: &str, sequence: u32) -> Segment {
    Segment {
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        sequence,
        acknowledges: None,
        length: 0,
        syn: false,
        fin: false,
        rst: false,
        psh: false,
        identification: 0,
        timestamps: None,
        status: None,
    }
}

/// One client behind the NAT.
struct NatClient {
    /// Ticks by which its clock is ahead of the test's.
    ahead: u64,
    timestamps: bool,
}

impl NatClient {
    fn ticks(&self, now: Duration) -> Option<Timestamps> {
        let ticks = self.ahead + now.as_millis() as u64 * HZ / 1_000;
        self.timestamps.then_some(Timestamps {
            value: ticks as u32,
            echo: 77,
        })
    }

    fn syn(&self, port: u16, now: Duration) -> Segment {
        Segment {
            syn: true,
            timestamps: self.ticks(now),
            ..segment(&format!("{NAT}:{port}"), SERVER, 1_000)
        }
    }

    /// Connects, is served and closed by the server, then closes, with 1 ms in each direction. Returns
    /// whether it was served.
    fn connect(&self, port: u16, server: &mut Recycle, at: Duration) -> bool {
        let syn = self.syn(port, at);
        if server.received(&syn, at) == RecycleVerdict::Drop {
            return false;
        }
        let echo = |now| {
            self.ticks(now).map(|client| Timestamps {
                value: 500,
                echo: client.value,
            })
        };
        let to_client = |sequence, acknowledges, now| Segment {
            acknowledges: Some(acknowledges),
            timestamps: echo(now),
            ..segment(SERVER, &format!("{NAT}:{port}"), sequence)
        };
        let to_server = |sequence, acknowledges, now| Segment {
            acknowledges: Some(acknowledges),
            timestamps: self.ticks(now),
            ..segment(&format!("{NAT}:{port}"), SERVER, sequence)
        };
        let syn_ack = Segment {
            syn: true,
            ..to_client(5_000, 1_001, at)
        };
        server.sent(&syn_ack, at);
        let at = at + ms(2);
        server.received(&to_server(1_001, 5_001, at), at);
        let fin = Segment {
            length: 10,
            fin: true,
            ..to_client(5_001, 1_001, at)
        };
        server.sent(&fin, at);
        let at = at + ms(2);
        server.received(&to_server(1_001, 5_012, at), at);
        let fin = Segment {
            fin: true,
            ..to_server(1_001, 5_012, at)
        };
        server.received(&fin, at);
        server.sent(&to_client(5_012, 1_002, at), at);
        true
    }
}

const BEHIND: NatClient = NatClient {
    ahead: 1_000,
    timestamps: true,
};
const AHEAD: NatClient = NatClient {
    ahead: 1_000 + 800 * HZ,
    timestamps: true,
};

/// Makes 30 connections from each client at 10/s, `a` first. Returns how many of each were served.
fn run_of_4_9(server: &mut Recycle) -> (usize, usize) {
    let mut served = (0, 0);
    for round in 0..30_u16 {
        let at = ms(100 * u64::from(round));
        served.0 += usize::from(AHEAD.connect(40_000 + round, server, at));
        served.1 += usize::from(BEHIND.connect(50_000 + round, server, at + ms(50)));
    }
    served
}

#[test]
fn with_1_the_host_whose_clock_is_ahead_is_served_and_the_other_never() {
    let mut server = server(true);
    assert_eq!(run_of_4_9(&mut server), (30, 0));
    assert_eq!(server.rejected(), 30);
    let begun = server.take_begun();
    assert_eq!(begun.len(), 30);
    assert!(
        begun.iter().all(|wait| wait.lasts == ms(202 * 7 / 2)),
        "3.5 times 200 ms above a round trip of 2 ms: {begun:?}"
    );
    assert!(server.take_begun().is_empty());
}

#[test]
fn with_0_both_are_served_and_no_time_wait_ends_early() {
    let mut server = server(false);
    assert_eq!(run_of_4_9(&mut server), (30, 30));
    assert_eq!(server.rejected(), 0);
    assert!(server.take_begun().is_empty());
}

#[test]
fn the_first_host_is_served_because_nothing_is_stored_yet() {
    let mut server = server(true);
    assert!(BEHIND.connect(50_000, &mut server, ms(0)));
    assert!(AHEAD.connect(40_000, &mut server, ms(50)));
    assert!(!BEHIND.connect(50_001, &mut server, ms(100)));
}

#[test]
fn sixty_seconds_after_the_last_connection_the_other_host_is_served() {
    let mut server = server(true);
    assert!(AHEAD.connect(40_000, &mut server, ms(500)));
    assert!(!BEHIND.connect(50_000, &mut server, ms(59_999)));
    assert!(
        BEHIND.connect(50_001, &mut server, ms(60_000)),
        "whole seconds count: 60 - 0"
    );
}

#[test]
fn a_retransmitted_syn_is_dropped_and_counted_again() {
    let mut server = server(true);
    AHEAD.connect(40_000, &mut server, ms(0));
    for again in 0..3 {
        let syn = BEHIND.syn(50_000, ms(100));
        assert_eq!(
            server.received(&syn, ms(100 + 1_000 * again)),
            RecycleVerdict::Drop
        );
    }
    assert_eq!(server.rejected(), 3);
}

#[test]
fn a_host_without_timestamps_stores_none_but_starves_beside_one_with() {
    let plain = NatClient {
        ahead: 0,
        timestamps: false,
    };
    let mut server = server(true);
    assert!(plain.connect(40_000, &mut server, ms(0)));
    assert!(server.take_begun().is_empty(), "its TIME_WAIT lasts 60 s");
    assert!(BEHIND.connect(40_001, &mut server, ms(100)));
    assert!(!plain.connect(40_002, &mut server, ms(200)));
}

#[test]
fn forwarded_connections_are_not_the_nodes_own() {
    let mut router = Recycle::new([NAT.parse().unwrap()].into_iter().collect(), true);
    assert_eq!(run_of_4_9(&mut router), (30, 30));
}

#[test]
fn a_syn_to_a_socket_in_time_wait_is_left_to_that_socket() {
    let mut server = server(true);
    AHEAD.connect(40_000, &mut server, ms(0));
    let behind = BEHIND.syn(40_000, ms(100));
    assert_eq!(server.received(&behind, ms(100)), RecycleVerdict::Pass);
    assert_eq!(
        server.received(&behind, ms(1_000)),
        RecycleVerdict::Drop,
        "TIME_WAIT is over"
    );
}

#[test]
fn nothing_is_stored_if_the_client_closes_first() {
    let mut server = server(true);
    let (client, port) = (AHEAD, "10.0.1.1:40000");
    let at = ms(0);
    server.received(&client.syn(40_000, at), at);
    let own = |sequence, acknowledges, fin| Segment {
        acknowledges: Some(acknowledges),
        fin,
        timestamps: Some(Timestamps {
            value: 500,
            echo: client.ticks(at).unwrap().value,
        }),
        ..segment(SERVER, port, sequence)
    };
    let theirs = |sequence, acknowledges, fin| Segment {
        acknowledges: Some(acknowledges),
        fin,
        timestamps: client.ticks(at),
        ..segment(port, SERVER, sequence)
    };
    server.sent(
        &Segment {
            syn: true,
            ..own(5_000, 1_001, false)
        },
        at,
    );
    server.received(&theirs(1_001, 5_001, true), at);
    server.sent(&own(5_001, 1_002, true), at);
    server.received(&theirs(1_002, 5_002, false), at);
    assert!(server.take_begun().is_empty());
    assert!(BEHIND.connect(50_000, &mut server, at));
}

#[test]
fn both_ends_wait_if_both_close_at_once() {
    let mut server = server(true);
    let at = ms(0);
    let port = "10.0.1.1:40000";
    server.received(&AHEAD.syn(40_000, at), at);
    let timestamps = AHEAD.ticks(at).map(|client| Timestamps {
        value: 500,
        echo: client.value,
    });
    let own = |sequence, acknowledges, syn, fin| Segment {
        acknowledges: Some(acknowledges),
        syn,
        fin,
        timestamps,
        ..segment(SERVER, port, sequence)
    };
    server.sent(&own(5_000, 1_001, true, false), at);
    let fin = Segment {
        acknowledges: Some(5_001),
        fin: true,
        timestamps: AHEAD.ticks(at),
        ..segment(port, SERVER, 1_001)
    };
    // The server's FIN leaves before the client's arrives: it does not acknowledge it.
    server.received(&fin, at);
    server.sent(&own(5_001, 1_001, false, true), at);
    server.sent(&own(5_002, 1_002, false, false), at);
    assert!(server.take_begun().is_empty(), "CLOSING");
    let last = Segment {
        acknowledges: Some(5_002),
        fin: false,
        sequence: 1_002,
        ..fin
    };
    server.received(&last, at);
    assert_eq!(server.take_begun().len(), 1);
}

#[test]
fn a_reset_connection_stores_nothing() {
    let mut server = server(true);
    let at = ms(0);
    server.received(&AHEAD.syn(40_000, at), at);
    let syn_ack = Segment {
        syn: true,
        acknowledges: Some(1_001),
        timestamps: AHEAD.ticks(at),
        ..segment(SERVER, "10.0.1.1:40000", 5_000)
    };
    server.sent(&syn_ack, at);
    let reset = Segment {
        rst: true,
        ..segment("10.0.1.1:40000", SERVER, 1_001)
    };
    server.received(&reset, at);
    assert!(server.connections.is_empty());
    assert!(BEHIND.connect(50_000, &mut server, at));
}

#[test]
fn a_node_that_connects_itself_recycles_its_time_wait_too() {
    let mut client = Recycle::new([NAT.parse().unwrap()].into_iter().collect(), true);
    let (own, server) = ("10.0.1.1:40000", SERVER);
    let from = |from: &str, to: &str, sequence, acknowledges, at: u64| Segment {
        acknowledges,
        timestamps: Some(Timestamps {
            value: 9_000 + at as u32,
            echo: 1,
        }),
        ..segment(from, to, sequence)
    };
    let syn = |segment| Segment {
        syn: true,
        ..segment
    };
    let fin = |segment| Segment {
        fin: true,
        ..segment
    };
    client.sent(&syn(from(own, server, 10, None, 0)), ms(0));
    client.received(&syn(from(server, own, 90, Some(11), 20)), ms(20));
    client.sent(&fin(from(own, server, 11, Some(91), 20)), ms(20));
    client.received(&fin(from(server, own, 91, Some(12), 40)), ms(40));
    client.sent(&from(own, server, 12, Some(92), 40), ms(40));
    let begun = client.take_begun();
    assert_eq!(begun.len(), 1);
    assert_eq!(begun[0].flow.node, own.parse().unwrap());
    assert_eq!(begun[0].lasts, ms(770), "3.5 times 220 ms");
}

#[test]
fn nothing_is_checked_while_the_setting_is_off() {
    let mut server = server(true);
    AHEAD.connect(40_000, &mut server, ms(0));
    server.set_enabled(false);
    assert!(BEHIND.connect(50_000, &mut server, ms(100)));
    server.set_enabled(true);
    assert!(!BEHIND.connect(50_001, &mut server, ms(200)));
}

#[test]
fn closed_connections_leave_no_state() {
    let mut server = server(true);
    run_of_4_9(&mut server);
    server.received(&AHEAD.syn(1, ms(70_000)), ms(70_000));
    assert!(server.connections.is_empty() && server.waiting.is_empty() && server.ends.is_empty());
}

proptest! {
    #[test]
    fn peers_whose_timestamps_never_go_back_are_never_dropped(
        start: u32,
        attempts in prop::collection::vec((0_u64..30_000, 0_u8..4), 1..80),
    ) {
        let mut server = server(true);
        let peer = NatClient { ahead: start.into(), timestamps: true };
        let mut at = ms(0);
        for (index, (wait, kind)) in attempts.into_iter().enumerate() {
            at += ms(wait);
            let port = 1_024 + index as u16;
            if kind == 0 {
                // The attempt goes no further than its SYN.
                prop_assert_eq!(server.received(&peer.syn(port, at), at), RecycleVerdict::Pass);
            } else {
                prop_assert!(peer.connect(port, &mut server, at));
                at += ms(4);
            }
        }
        prop_assert_eq!(server.rejected(), 0);
    }
}
