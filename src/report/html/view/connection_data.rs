//! The connections of a run as columns: packets at every link end, and the states of both ends.

use serde_json::{Value, json};

use super::columns::{TextTable, differences, nanos};
use crate::ladder::{ConnectionHistory, LossPoint, LossReason, PacketFate, PacketRow};
use crate::names::NodeName;
use crate::record::drop_text;

/// The columns of all connections, packets and states. Packets and states of a connection follow each other.
#[derive(Debug, Default)]
pub(super) struct ConnectionColumns {
    paths: Vec<(Vec<usize>, Vec<usize>)>,
    connections: Vec<[usize; 7]>,
    began: Vec<i64>,
    packets: Vec<[i64; 9]>,
    hops: Vec<[i64; 3]>,
    states: Vec<[i64; 4]>,
}

/// No time, number or text.
const NONE: i64 = -1;

fn number(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

impl ConnectionColumns {
    /// Adds a connection whose time is known.
    pub(super) fn add(
        &mut self,
        history: &ConnectionHistory,
        began: i64,
        nodes: &[NodeName],
        texts: &mut TextTable,
    ) {
        let index = |name: &NodeName| nodes.iter().position(|node| node == name).unwrap_or(0);
        let path = (
            history.nodes.iter().map(index).collect(),
            history.path.clone(),
        );
        let path = self.paths.iter().position(|known| *known == path);
        let path = path.unwrap_or_else(|| {
            self.paths.push((
                history.nodes.iter().map(index).collect(),
                history.path.clone(),
            ));
            self.paths.len() - 1
        });
        let addresses = history.links.iter().map(|link| link.addresses.join(", "));
        let addresses: Vec<String> = addresses.collect();
        self.began.push(began);
        self.connections.push([
            texts.number(history.client.as_str()),
            history.attempt,
            path,
            texts.number(&history.outcome),
            texts.number(&addresses.join(" | ")),
            history.packets.len(),
            history.states.len(),
        ]);
        for packet in &history.packets {
            self.packet(packet, texts);
        }
        let mut before = 0;
        for state in &history.states {
            let time = nanos(state.time);
            let apart = match state.disagreement {
                None => NONE,
                Some(apart) => apart.lasts.map_or(0, |lasts| nanos(lasts).max(1)),
            };
            let bits = number(state.side) + 2 * i64::from(state.inferred);
            self.states.push([
                time - before,
                bits,
                number(texts.number(state.state.as_str())),
                apart,
            ]);
            before = time;
        }
    }

    fn packet(&mut self, packet: &PacketRow, texts: &mut TextTable) {
        let mut text = |text: &str| number(texts.number(text));
        // 0: arrived, 1: in flight; lost in a node from 2 on (even), on a link from 3 on (odd).
        let (fate, reason, kernel) = match &packet.fate {
            PacketFate::Arrived => (0, NONE, false),
            PacketFate::InFlight => (1, NONE, false),
            PacketFate::Vanished { at, reason } => {
                let place = match at {
                    LossPoint::Node(node) => 2 + 2 * node,
                    LossPoint::Link(link) => 3 + 2 * link,
                };
                let (said, kernel) = match reason {
                    None => (NONE, false),
                    Some(LossReason::Kernel(reason, bound)) => {
                        (text(&drop_text(reason, bound.as_ref())), true)
                    }
                    Some(LossReason::Inferred(reason)) => (text(reason), false),
                };
                (number(place), said, kernel)
            }
        };
        let (flags, seq) = match packet.datagram {
            true => ("UDP".to_owned(), NONE),
            false => (packet.flags.to_string(), packet.seq),
        };
        let flags = text(&flags);
        let mark = packet.mark.as_deref().map_or(NONE, text);
        self.packets.push([
            nanos(packet.time),
            i64::from(packet.forward) + 2 * i64::from(kernel) + 4 * number(packet.hops.len()),
            flags,
            seq,
            packet.ack.unwrap_or(NONE),
            i64::from(packet.length),
            mark,
            fate,
            reason,
        ]);
        for hop in &packet.hops {
            let left = hop
                .left
                .map_or(NONE, |left| nanos(left) - nanos(packet.time));
            let transit = hop.transit.map_or(NONE, nanos);
            let bits = 2 * number(hop.link) + i64::from(hop.arrived);
            self.hops.push([bits, left, transit]);
        }
    }

    pub(super) fn into_value(self) -> Value {
        json!({
            "paths": self.paths,
            "began": differences(self.began),
            "connections": columns(&self.connections),
            "packets": columns(&self.packets),
            "hops": columns(&self.hops),
            "states": columns(&self.states),
        })
    }
}

/// Turns rows into columns, which compress better.
fn columns<T: Copy + Default, const N: usize>(rows: &[[T; N]]) -> Vec<Vec<T>> {
    let column = |index: usize| rows.iter().map(|row| row[index]).collect();
    (0..N).map(column).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::compressed;
    use super::*;
    use crate::ladder::{Hop, LinkView, StateRow};
    use crate::tcp::{TcpFlags, TcpState};

    /// Returns a connection with the packets and states of a request and its reply through a router.
    fn connection(attempt: usize) -> ConnectionHistory {
        let micros = |time: u64| Duration::from_nanos(time * 1000 + attempt as u64 * 7919 % 997);
        let hop = |link: usize, left: u64| Hop {
            link,
            left: Some(micros(left)),
            transit: Some(micros(3)),
            arrived: true,
        };
        let packet = |number: u64| PacketRow {
            datagram: false,
            time: micros(number * 40),
            forward: number.is_multiple_of(2),
            flags: TcpFlags::ACK,
            seq: i64::try_from(number).unwrap() * 100,
            ack: Some(1),
            length: 100,
            status: None,
            mark: None,
            hops: vec![hop(0, number * 40), hop(1, number * 40 + 9)],
            fate: PacketFate::Arrived,
            states: [None, None],
        };
        let state = |number: u64| StateRow {
            time: micros(number * 60),
            side: usize::from(number.is_multiple_of(2)),
            state: TcpState::LISTED[number as usize],
            inferred: false,
            disagreement: None,
        };
        ConnectionHistory {
            client: "load".into(),
            attempt,
            began: Some(Duration::from_millis(attempt as u64)),
            outcome: format!("answered after {} µs", 40 + attempt % 30),
            nodes: ["client", "nat", "server"].map(NodeName::from).into(),
            path: vec![0, 1],
            links: ["10.0.0.1", "10.0.1.1"]
                .map(|from| LinkView {
                    addresses: vec![format!("{from}:{} → 10.0.1.2:80", 20_000 + attempt)],
                    translated: false,
                })
                .into(),
            traced: true,
            packets: (0..12).map(packet).collect(),
            states: (0..9).map(state).collect(),
        }
    }

    fn weight(connections: usize) -> usize {
        let nodes = ["client", "nat", "server"].map(NodeName::from);
        let (mut columns, mut texts) = (ConnectionColumns::default(), TextTable::default());
        for attempt in 1..=connections {
            let began = i64::try_from(attempt).unwrap() * 1_000_000;
            columns.add(&connection(attempt), began, &nodes, &mut texts);
        }
        let data = json!({ "columns": columns.into_value(), "texts": texts.into_texts() });
        compressed(&data).len()
    }

    #[test]
    fn two_thousand_connections_weigh_far_less_than_three_megabytes() {
        let weight = weight(2000);
        assert!(weight < 1_000_000, "{weight} bytes");
    }

    #[test]
    fn rows_become_columns() {
        assert_eq!(columns(&[[1, 2], [3, 4]]), [[1, 3], [2, 4]]);
    }
}
