//! A line about each packet of a capture: the connection, the states of both ends, what happened to it, and the changes
//! of state that follow it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::history::{ConnectionHistory, Histories};
use super::{LossPoint, PacketFate, PacketRow, StateRow};
use crate::record::{Capture, WrittenPacket};
use crate::tcp::{Segment, TcpFlags, TcpState};

/// A packet as seen at one end of a link: time, flags and length on the link.
type SeenPacket = (u64, String, u32);

/// A connection by its client and attempt.
type RemarkedConnection = (String, usize);

/// The lines about the packets of a run; `None` for a packet that could be of several connections.
#[derive(Debug, Default)]
pub struct PacketRemarks(BTreeMap<SeenPacket, Option<(RemarkedConnection, String)>>);

impl PacketRemarks {
    /// Writes a line about each packet of these connections, as far as their time is known.
    pub fn of(histories: &Histories, capture: &Capture) -> Self {
        let mut remarks = Self::default();
        let Some(zero) = capture.clock_zero else {
            return remarks;
        };
        for history in &histories.connections {
            if let Some(began) = history.began {
                remarks.connection(history, zero.saturating_add(nanos(began)));
            }
        }
        remarks
    }

    /// Returns the line about a packet.
    pub fn on(&self, packet: WrittenPacket<'_>) -> Option<&str> {
        let (segment, _) = Segment::read(packet.bytes, packet.length)?;
        let seen = (packet.time, segment.flags().to_string(), segment.length);
        let (_, text) = self.0.get(&seen)?.as_ref()?;
        Some(text)
    }

    fn connection(&mut self, history: &ConnectionHistory, began: u64) {
        let mut seen: Vec<(Duration, &PacketRow)> = Vec::new();
        for packet in &history.packets {
            seen.extend(times(packet).into_iter().map(|time| (time, packet)));
        }
        seen.sort_by_key(|(time, _)| *time);
        let mut states = history.states.iter().peekable();
        let mut now: [Option<TcpState>; 2] = [None, None];
        for (index, (time, packet)) in seen.iter().enumerate() {
            while let Some(change) =
                states.next_if(|change| change.time < *time || index == 0 && is_first(change))
            {
                now[change.side] = Some(change.state);
            }
            let next = seen.get(index + 1).map_or(Duration::MAX, |(next, _)| *next);
            let following = states.clone().take_while(|change| change.time < next);
            let changes: Vec<String> = following.map(said).collect();
            let text = text(history, (packet, now), &changes);
            let flags: TcpFlags = packet.flags;
            let key = (
                began.saturating_add(nanos(*time)),
                flags.to_string(),
                packet.length,
            );
            let connection = (history.client.to_string(), history.attempt);
            let known = self
                .0
                .entry(key)
                .or_insert(Some((connection.clone(), text)));
            if known
                .as_ref()
                .is_some_and(|(other, _)| *other != connection)
            {
                *known = None;
            }
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Returns true if a state is older than the connection's first packet.
fn is_first(change: &StateRow) -> bool {
    change.time.is_zero() && change.state == TcpState::SynSent
}

/// Returns the times at which a packet was seen, after the beginning of its connection.
fn times(packet: &PacketRow) -> Vec<Duration> {
    let mut times = Vec::new();
    for hop in &packet.hops {
        times.extend(hop.left);
        // Of a packet that was seen only at the far end, the time there is that of the packet.
        let arrived = match (hop.left, hop.transit) {
            (Some(left), Some(transit)) => Some(left + transit),
            (None, _) => Some(packet.time),
            (Some(_), None) => None,
        };
        times.extend(arrived);
    }
    times
}

fn said(change: &StateRow) -> String {
    let end = if change.side == 0 { "client" } else { "server" };
    let inferred = if change.inferred { " (inferred)" } else { "" };
    format!("then {end} {}{inferred}", change.state)
}

fn text(
    history: &ConnectionHistory,
    (packet, [client, server]): (&PacketRow, [Option<TcpState>; 2]),
    changes: &[String],
) -> String {
    let state = |state: Option<TcpState>| state.map_or("none", TcpState::as_str);
    let mut parts = vec![format!(
        "{}:{}, client {}, server {}",
        history.client,
        history.attempt,
        state(client),
        state(server)
    )];
    parts.extend(packet.mark.clone());
    if let PacketFate::Vanished { at, reason } = &packet.fate {
        let place = match at {
            LossPoint::Node(node) => format!("lost in {}", history.nodes[*node]),
            LossPoint::Link(link) => format!(
                "lost between {} and {}",
                history.nodes[*link],
                history.nodes[link + 1]
            ),
        };
        parts.push(match reason {
            Some(reason) => format!("{place}: {reason}"),
            None => place,
        });
    }
    parts.extend_from_slice(changes);
    parts.join("; ")
}
