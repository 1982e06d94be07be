//! Tests of properties that every drawn packet and every ladder has.

use proptest::prelude::*;

use crate::ladder::tests::lab::Script;
use crate::names::NodeName;
use crate::report::ladder::{svg, text};
use crate::tcp::Segment;

/// The start of a TCP segment over IPv4 and over IPv6, as far as Ethernet and the first byte of IP.
const STARTS: [&[u8]; 3] = [
    &[],
    &[1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 8, 0, 0x45],
    &[1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 0x86, 0xdd, 0x60],
];

proptest! {
    #[test]
    fn no_bytes_panic_the_decoder(
        start in 0..STARTS.len(),
        rest in prop::collection::vec(any::<u8>(), 0..200),
        protocol in prop::option::of(Just(6_u8)),
        length in any::<u32>(),
    ) {
        let mut bytes = [STARTS[start], &rest].concat();
        for at in [20, 23] {
            if let (Some(byte), Some(protocol)) = (bytes.get_mut(at), protocol) {
                *byte = protocol;
            }
        }
        let _any = Segment::read(&bytes, length);
    }

    #[test]
    fn whatever_was_seen_can_be_drawn(
        packets in prop::collection::vec(
            (0..3000_u32, any::<bool>(), 0..9_usize, 0..2000_u32, 0..2000_u32, 0..1500_u32, 0..5_usize),
            0..60,
        ),
        width in 0..200_usize,
    ) {
        let mut script = Script::with_port(20_000);
        script.reach(0.0, "> SYN 0");
        let kinds = ["SYN", "SYN-ACK", "ACK", "PSH-ACK", "FIN-ACK", "RST", "RST-ACK", "FIN", "SYN-FIN-RST"];
        let mut packets = packets;
        packets.sort();
        for (at, forward, kind, seq, ack, length, seen) in packets {
            let way = if forward { ">" } else { "<" };
            script.send(f64::from(at), &format!("{way} {} {seq} {ack} {length}", kinds[kind]), seen);
        }
        let ladder = script.draw("load").unwrap();
        let shown = text(&ladder, width, false);
        for line in shown.lines() {
            prop_assert!(width < 100 || line.chars().count() <= width, "{line}");
            prop_assert_eq!(line, line.trim_end());
        }
        let coloured = text(&ladder, width, true);
        prop_assert_eq!(uncoloured(&coloured), shown);
        let _drawn = svg(&ladder);
    }
}

/// Without what selects colours.
fn uncoloured(text: &str) -> String {
    let mut parts = text.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        all + part.split_once('m').map_or("", |(_, shown)| shown)
    })
}

#[test]
fn names_steer_neither_terminals_nor_pages() {
    let mut script = Script::with_port(20_000);
    script.reach(0.0, "> SYN 0");
    let mut ladder = script.draw("load").unwrap();
    ladder.nodes[1] = NodeName::new("n\x1b[2J<script>&");
    let shown = text(&ladder, 80, false);
    assert!(!shown.contains('\x1b') && shown.contains("n␛[2J<script>&"));
    let drawn = svg(&ladder);
    assert!(drawn.contains("n␛[2J&lt;script&gt;&amp;"), "{drawn}");
}
