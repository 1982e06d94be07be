//! The states of both ends of a connection over time: the kernel's own account if the run was traced. Inferred states
//! fill the gaps that the kernel leaves, and are marked as such.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::attempts::LadderAttempt;
use super::fate::LossReason;
use super::path::Path;
use super::travel::Travels;
use super::{Disagreement, StateRow};
use crate::names::NodeName;
use crate::record::{KernelEvent, KernelFact, Timeline};
use crate::tcp::{AddressPair, Segment, TcpState};

/// The longest time between the kernel's entry into SYN_SENT and the SYN at the first link end.
const BEFORE_SYN: Duration = Duration::from_millis(50);
/// Far more than the clocks of a capture and a trace differ by: some tens of microseconds.
const CLOCKS_APART: u64 = 1_000_000;
/// The longest time between the last sighting of a packet and its drop in the same node, or between the kernel's report
/// of a reset and its first sighting.
const NEAR: Duration = Duration::from_millis(20);

/// A state that one end has from a time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EndState {
    /// Wall-clock time, nanoseconds.
    pub(super) time: u64,
    /// 0 for the client, 1 for the server.
    pub(super) side: usize,
    pub(super) state: TcpState,
    /// True if it is inferred from packets.
    pub(super) inferred: bool,
}

/// The events of a trace by node and socket, so that those of one connection among thousands are found at once.
#[derive(Debug, Default)]
pub(super) struct SocketEvents<'a>(
    BTreeMap<(&'a NodeName, SocketAddr, SocketAddr), Vec<&'a KernelEvent>>,
);

impl<'a> SocketEvents<'a> {
    pub(super) fn of(timeline: &'a Timeline) -> Self {
        let mut sockets = Self::default();
        for event in &timeline.traced {
            if let (Some(local), Some(peer)) = (event.local, event.peer) {
                let socket = (&event.node, local, peer);
                sockets.0.entry(socket).or_default().push(event);
            }
        }
        sockets
    }

    fn between(&self, node: &'a NodeName, (local, peer): AddressPair) -> &[&'a KernelEvent] {
        let events = self.0.get(&(node, local, peer));
        events.map(Vec::as_slice).unwrap_or_default()
    }
}

/// The kernel's account of one connection.
#[derive(Debug)]
pub(super) struct Account<'a> {
    timeline: &'a Timeline,
    sockets: &'a SocketEvents<'a>,
    /// Wall-clock time at the zero of the run's clock.
    zero: u64,
    /// The nodes of the client and the server, with the addresses of the connection there: own and peer's.
    ends: [(&'a NodeName, Option<AddressPair>); 2],
    attempt: &'a LadderAttempt,
    /// The longest time between the kernel's first event and the beginning of the attempt.
    lead: Duration,
    /// The most by which the clocks of the capture and the trace differ, nanoseconds.
    apart: u64,
}

impl<'a> Account<'a> {
    /// Returns the kernel's account of an attempt, or `None` if the run was not traced.
    pub(super) fn of(
        (timeline, sockets): (&'a Timeline, &'a SocketEvents<'a>),
        zero: Option<u64>,
        (path, travels): (&'a Path, &Travels),
        attempt: &'a LadderAttempt,
    ) -> Option<Self> {
        let zero = zero?;
        if timeline.traced.is_empty() {
            return None;
        }
        let arrival = travels.pairs.get(&(path.links.len() * 2 - 1));
        let at_server = arrival.and_then(|pairs| pairs.first());
        Some(Self {
            timeline,
            sockets,
            zero,
            ends: [
                (path.nodes.first()?, Some(attempt.pair)),
                (path.nodes.last()?, at_server.map(|(from, to)| (*to, *from))),
            ],
            attempt,
            lead: BEFORE_SYN,
            apart: CLOCKS_APART,
        })
    }

    /// Returns the kernel's account of an attempt of which there is no capture. Beyond a translation, the addresses are
    /// unknown.
    pub(super) fn without_packets(
        (timeline, sockets): (&'a Timeline, &'a SocketEvents<'a>),
        path: &'a Path,
        attempt: &'a LadderAttempt,
    ) -> Option<Self> {
        let (local, peer) = attempt.pair;
        Some(Self {
            timeline,
            sockets,
            zero: 0,
            ends: [
                (path.nodes.first()?, Some(attempt.pair)),
                (path.nodes.last()?, Some((peer, local))),
            ],
            attempt,
            lead: Duration::ZERO,
            apart: 0,
        })
    }

    /// Returns the states of both ends in the order of time, with TIME_WAIT from the handover of the socket on, which
    /// is inferred.
    pub(super) fn states_without_packets(&self) -> Vec<EndState> {
        let mut states: Vec<EndState> = [0, 1]
            .into_iter()
            .flat_map(|side| self.reported(side))
            .collect();
        for side in [0, 1] {
            let mut before = None;
            for state in states.iter_mut().filter(|state| state.side == side) {
                let is_handover = state.state == TcpState::Close
                    && matches!(before, Some(TcpState::FinWait2 | TcpState::Closing));
                before = Some(state.state);
                if is_handover {
                    (state.state, state.inferred) = (TcpState::TimeWait, true);
                }
            }
        }
        states.sort_by_key(|state| state.time);
        states
    }

    /// Returns the states of both ends in the order of time. `inferred` are those that the packets lead to; they fill
    /// what the kernel does not report: half-open connections of the server, and TIME_WAIT.
    pub(super) fn states(&self, inferred: &[EndState]) -> Vec<EndState> {
        let mut states = Vec::new();
        for side in [0, 1] {
            let reported = self.reported(side);
            let first = reported.first().map_or(u64::MAX, |state| state.time);
            let of_side = inferred.iter().filter(|state| state.side == side);
            let before = of_side.clone().filter(|state| {
                state.time < first && side == 1 && state.state == TcpState::SynRecv
            });
            states.extend(before);
            let handed_over = reported.windows(2).find(|pair| {
                pair[1].state == TcpState::Close
                    && matches!(pair[0].state, TcpState::FinWait2 | TcpState::Closing)
            });
            let handed_over = handed_over.map(|pair| pair[1].time);
            // The kernel's CLOSE is then the end of the full socket, not of the connection.
            let kept = reported
                .into_iter()
                .filter(|state| Some(state.time) != handed_over);
            states.extend(kept);
            if let Some(since) = handed_over {
                states.extend(self.after_handover(of_side.copied(), since));
            }
        }
        states.sort_by_key(|state| state.time);
        states
    }

    /// Returns the inferred states of an end whose socket the kernel has replaced by a small one: FIN_WAIT2 until the
    /// peer's FIN arrives, then TIME_WAIT. A reset ends both.
    fn after_handover(
        &self,
        inferred: impl Iterator<Item = EndState>,
        since: u64,
    ) -> Vec<EndState> {
        let later =
            inferred.filter(|state| matches!(state.state, TcpState::TimeWait | TcpState::Close));
        later
            .map(|state| EndState {
                time: state.time.max(since),
                ..state
            })
            .collect()
    }

    /// Returns the states of one end that the kernel reported.
    fn reported(&self, side: usize) -> Vec<EndState> {
        let (node, Some(addresses)) = self.ends[side] else {
            return Vec::new();
        };
        let early = self
            .attempt
            .began
            .saturating_sub(self.lead.as_nanos() as u64);
        let events = self.sockets.between(node, addresses).iter();
        let changes = events.filter_map(|event| match event.what {
            KernelFact::State { from, to } => Some((self.zero.saturating_add(event.t.0), from, to)),
            _ => None,
        });
        let during = |time: u64| time >= early && time < self.attempt.ended;
        let changes: Vec<(u64, TcpState, TcpState)> =
            changes.filter(|(time, ..)| during(*time)).collect();
        let begins = |(_, from, to): &(u64, TcpState, TcpState)| {
            *from == TcpState::Listen || *to == TcpState::SynSent
        };
        // Earlier changes belong to an earlier connection with these addresses, later ones to the next.
        let mut starts = (0..changes.len()).filter(|at| begins(&changes[*at]));
        let first = match side {
            0 => {
                let latest = self.attempt.began.saturating_add(self.apart);
                let before = |at: &usize| changes[*at].0 <= latest;
                starts.clone().rfind(before).or_else(|| starts.next())
            }
            // Both ends have the same clock.
            _ => {
                let client = self.reported(0).first().map(|state| state.time);
                let since = client.unwrap_or(self.attempt.began.saturating_sub(self.apart));
                starts.find(|at| changes[*at].0 >= since)
            }
        };
        let Some(first) = first else {
            return Vec::new();
        };
        let next = (first + 1..changes.len()).find(|at| begins(&changes[*at]));
        let own = &changes[first..next.unwrap_or(changes.len())];
        let states = own.iter().map(|(time, _, state)| EndState {
            time: *time,
            side,
            state: *state,
            inferred: false,
        });
        states.collect()
    }

    /// Returns true if the trace has states of this connection; a trace has a limit, after which it has none.
    pub(super) fn has_states(&self) -> bool {
        [0, 1].iter().any(|side| !self.reported(*side).is_empty())
    }

    /// Returns the kernel's reason for dropping a packet that was last seen at `time` and lost in this node.
    pub(super) fn drop_reason(
        &self,
        node: &NodeName,
        segment: &Segment,
        time: u64,
    ) -> Option<LossReason> {
        let from = time.checked_sub(self.zero)?;
        let flags = segment.flags().to_string();
        let near = self.events_between(from, from.saturating_add(NEAR.as_nanos() as u64));
        let mut near = near.iter().filter(|event| event.node == *node);
        near.find_map(|event| match &event.what {
            KernelFact::Drop {
                reason,
                flags: Some(dropped),
                seq: Some(seq),
                bound,
            } if *dropped == flags && *seq == segment.sequence => {
                Some(LossReason::Kernel(reason.clone(), bound.clone()))
            }
            _ => None,
        })
    }

    /// Returns the kernel's reason for a reset that was first seen at `time`, sent by the client or the server.
    pub(super) fn reset_reason(&self, side: usize, time: u64) -> Option<&str> {
        let until = time.checked_sub(self.zero)?;
        let (node, Some((local, peer))) = self.ends[side] else {
            return None;
        };
        let same = |address: Option<SocketAddr>, expected| address.is_none_or(|it| it == expected);
        let before = until.saturating_add(1);
        let since = before.saturating_sub(NEAR.as_nanos() as u64);
        let events = self.events_between(since, before);
        let mut events = events.iter().rev().filter(|event| event.node == *node);
        events.find_map(|event| match &event.what {
            KernelFact::ResetSent { reason }
                if same(event.local, local) && same(event.peer, peer) =>
            {
                reason.as_deref()
            }
            _ => None,
        })
    }
}

impl Account<'_> {
    /// Returns the events from one time to before another, by the run's clock.
    fn events_between(&self, from: u64, before: u64) -> &[KernelEvent] {
        let traced = &self.timeline.traced;
        let first = traced.partition_point(|event| event.t.0 < from);
        let end = traced.partition_point(|event| event.t.0 < before);
        &traced[first..end.max(first)]
    }
}

/// Makes rows of states, and marks the intervals in which the two ends disagree.
pub(super) fn rows(states: &[EndState], began: u64) -> Vec<StateRow> {
    let mut now = [None, None];
    let mut rows: Vec<StateRow> = Vec::new();
    let mut since: Option<usize> = None;
    for change in states {
        now[change.side] = Some(change.state);
        let time = Duration::from_nanos(change.time.saturating_sub(began));
        let disagree = disagree(now);
        let begins = disagree && since.is_none();
        if let Some(row) = since.filter(|_| !disagree) {
            let lasts = Some(time.saturating_sub(rows[row].time));
            rows[row].disagreement = Some(Disagreement { lasts });
            since = None;
        }
        if begins {
            since = Some(rows.len());
        }
        rows.push(StateRow {
            time,
            side: change.side,
            state: change.state,
            inferred: change.inferred,
            disagreement: begins.then_some(Disagreement { lasts: None }),
        });
    }
    rows
}

/// Returns true if one end may send or receive and the other has no such connection, or not yet, or no longer.
fn disagree(states: [Option<TcpState>; 2]) -> bool {
    let is_open = |state: Option<TcpState>| {
        matches!(
            state,
            Some(
                TcpState::Established
                    | TcpState::FinWait1
                    | TcpState::FinWait2
                    | TcpState::CloseWait
            )
        )
    };
    let has_none = |state: Option<TcpState>| {
        matches!(
            state,
            None | Some(TcpState::SynSent | TcpState::SynRecv | TcpState::Close)
        )
    };
    let [client, server] = states;
    is_open(client) && has_none(server) || is_open(server) && has_none(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(time: u64, side: usize, state: TcpState) -> EndState {
        EndState {
            time: time * 1_000_000,
            side,
            state,
            inferred: false,
        }
    }

    #[test]
    fn a_client_that_is_established_alone_disagrees_until_the_server_is() {
        let states = [
            change(10, 0, TcpState::SynSent),
            change(11, 1, TcpState::SynRecv),
            change(12, 0, TcpState::Established),
            change(15, 1, TcpState::Established),
        ];
        let rows = rows(&states, 10_000_000);
        let apart: Vec<_> = rows.iter().map(|row| row.disagreement).collect();
        let lasts = Some(Duration::from_millis(3));
        assert_eq!(apart, [None, None, Some(Disagreement { lasts }), None]);
        assert_eq!(rows[3].time, Duration::from_millis(5));
    }

    #[test]
    fn a_disagreement_that_nothing_ends_has_no_length() {
        let states = [
            change(0, 0, TcpState::Established),
            change(1, 1, TcpState::Established),
            change(2, 1, TcpState::Close),
        ];
        let rows = rows(&states, 0);
        // Before the server's first state nobody knows of the connection but the client.
        assert!(rows[0].disagreement.is_some());
        assert_eq!(rows[2].disagreement, Some(Disagreement { lasts: None }));
    }
}
