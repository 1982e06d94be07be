//! Makes the rows of a ladder: relative numbers, retransmission marks, and the states.

use std::time::Duration;

use super::account::{self, EndState};
use super::attempts::LadderAttempt;
use super::fate::PacketFate;
use super::reason::LossReasons;
use super::state::Endpoint;
use super::travel::{Travel, Travels};
use super::{Hop, LadderRow, PacketRow, StateRow};
use crate::tcp::segment::distance;
use crate::tcp::{Segment, TcpState};

/// Packets that are shown at each end of a long connection.
const ENDS: usize = 30;
/// Maximum number of packets in between that are shown because they were lost or sent again.
const NOTABLE: usize = 20;
/// Packets shown before and after each of those.
const AROUND: usize = 1;

/// The mark of a packet that a translating node passed on as it was.
const NOT_TRANSLATED: &str = "not translated";
/// The mark of a packet that goes past the translating node.
const BYPASSES: &str = "bypasses the translation";

/// The packets and states of a connection, in the order of time.
#[derive(Debug)]
pub(super) struct ConnectionRows {
    pub(super) packets: Vec<PacketRow>,
    /// The kernel's own states if the run was traced; otherwise all are inferred.
    pub(super) states: Vec<StateRow>,
}

/// Makes the rows. `fates` are in the order of the packets.
pub(super) fn rows(
    travels: &Travels,
    fates: Vec<PacketFate>,
    attempt: &LadderAttempt,
    reasons: &LossReasons<'_>,
) -> ConnectionRows {
    let mut answers = travels.all.iter().filter(|travel| !travel.forward);
    let theirs = answers.find(|travel| travel.segment.accepts());
    let theirs = theirs.map(|travel| travel.segment.sequence);
    let bases = [Some(attempt.isn), theirs];
    let marks = marks(travels, reasons);
    let changes = changes(travels, &fates);
    let account = reasons.account.as_ref();
    let account = account.filter(|account| account.has_states());
    let states = match account {
        Some(_) => vec![[None, None]; travels.all.len()],
        None => by_packet(&changes, travels.all.len()),
    };
    let packets = travels.all.iter().zip(fates).zip(marks).zip(states);
    let packets = packets.map(|(((travel, fate), mark), states)| {
        let row = row(travel, attempt.began, bases);
        let fate = explained(fate, travel, reasons);
        PacketRow {
            mark,
            fate,
            states,
            ..row
        }
    });
    let packets = packets.collect();
    let mut inferred: Vec<EndState> = changes.iter().map(|(_, change)| *change).collect();
    inferred.sort_by_key(|state| state.time);
    let states = match account {
        Some(account) => account.states(&inferred),
        None => inferred,
    };
    ConnectionRows {
        packets,
        states: account::rows(&states, attempt.began),
    }
}

impl ConnectionRows {
    /// Returns the rows of a ladder: a long connection is shortened. Inferred states are shown at their packets,
    /// states of the kernel in rows of their own.
    pub(super) fn arranged(self, traced: bool) -> Vec<LadderRow> {
        let rows = shortened(self.packets);
        if traced {
            with_states(rows, self.states)
        } else {
            rows
        }
    }
}

/// Puts rows of states between those of packets, in the order of time.
fn with_states(rows: Vec<LadderRow>, states: Vec<StateRow>) -> Vec<LadderRow> {
    let mut all = Vec::with_capacity(rows.len() + states.len());
    let mut states = states.into_iter().peekable();
    for row in rows {
        if let LadderRow::Packet(packet) = &row {
            // A state that is inferred from a packet comes after it; the kernel enters SYN_SENT before the SYN.
            let is_before = |state: &StateRow| {
                state.time < packet.time || state.time == packet.time && !state.inferred
            };
            while let Some(state) = states.next_if(is_before) {
                all.push(LadderRow::State(state));
            }
        }
        all.push(row);
    }
    all.extend(states.map(LadderRow::State));
    all
}

/// Shortens a long connection to its two ends and the notable packets in between.
fn shortened(packets: Vec<PacketRow>) -> Vec<LadderRow> {
    let count = packets.len();
    let is_notable = |packet: &PacketRow| {
        packet.is_notable() || matches!(packet.fate, PacketFate::Vanished { .. })
    };
    let between = (ENDS..count.saturating_sub(ENDS)).filter(|at| is_notable(&packets[*at]));
    let between: Vec<usize> = between.take(NOTABLE).collect();
    let shown = |at: usize| {
        let near = |other: &usize| at.abs_diff(*other) <= AROUND;
        at < ENDS || at + ENDS >= count || between.iter().any(near)
    };
    let mut rows = Vec::new();
    for (at, packet) in packets.into_iter().enumerate() {
        if shown(at) {
            rows.push(LadderRow::Packet(packet));
        } else if let Some(LadderRow::LeftOut(count)) = rows.last_mut() {
            *count += 1;
        } else {
            rows.push(LadderRow::LeftOut(1));
        }
    }
    rows
}

fn row(travel: &Travel, began: u64, [ours, theirs]: [Option<u32>; 2]) -> PacketRow {
    let segment = &travel.segment;
    let (own, other) = if travel.forward {
        (ours, theirs)
    } else {
        (theirs, ours)
    };
    let relative = |number: u32, base: Option<u32>| {
        base.map_or(i64::from(number), |base| distance(number, base))
    };
    PacketRow {
        datagram: false,
        time: Duration::from_nanos(travel.began().saturating_sub(began)),
        forward: travel.forward,
        flags: segment.flags(),
        // A RST in reply to a SYN has the absolute sequence number 0 (RFC 9293, section 3.10.7.1).
        seq: relative(segment.sequence, own),
        ack: segment.acknowledges.map(|ack| relative(ack, other)),
        length: segment.length,
        status: segment.status,
        mark: None,
        hops: hops(travel, began),
        fate: PacketFate::Arrived,
        states: [None, None],
    }
}

/// Returns the links on which a packet was seen at either end.
pub(super) fn hops(travel: &Travel, began: u64) -> Vec<Hop> {
    let links = travel.seen.len() / 2;
    let ends = travel.seen.chunks_exact(2).enumerate();
    let seen = ends.filter_map(|(hop, ends)| {
        let (left, arrived) = (ends[0], ends[1]);
        left.or(arrived)?;
        let transit = left.zip(arrived);
        let since = |time: u64| Duration::from_nanos(time.saturating_sub(began));
        Some(Hop {
            left: left.map(since),
            link: if travel.forward { hop } else { links - 1 - hop },
            transit: transit
                .map(|(left, arrived)| Duration::from_nanos(arrived.saturating_sub(left))),
            arrived: arrived.is_some(),
        })
    });
    seen.collect()
}

fn explained(fate: PacketFate, travel: &Travel, reasons: &LossReasons<'_>) -> PacketFate {
    match fate {
        PacketFate::Vanished { at, reason: None } => PacketFate::Vanished {
            at,
            reason: reasons.of(at, travel),
        },
        other => other,
    }
}

/// Returns a mark for each packet that was sent before, and for resets with a reason.
fn marks(travels: &Travels, reasons: &LossReasons<'_>) -> Vec<Option<String>> {
    let mut sent = [Sent::default(), Sent::default()];
    let marks = travels.all.iter().map(|travel| {
        // A packet that was not seen at its sender is a piece of a longer one.
        let time = travel.seen[0]?;
        if travel.segment.rst {
            let account = reasons.account.as_ref();
            let side = usize::from(!travel.forward);
            let reason = account.and_then(|account| account.reset_reason(side, time));
            return reason
                .map(|reason| format!("({reason})"))
                .or(passage(travel));
        }
        if travel.untranslated {
            return passage(travel);
        }
        let again = sent[usize::from(travel.forward)].mark(&travel.segment);
        again.or_else(|| passage(travel))
    });
    marks.collect()
}

/// Returns the mark of a packet that is not translated like those before it.
fn passage(travel: &Travel) -> Option<String> {
    let mark = match (travel.untranslated, travel.bypasses) {
        (true, _) => NOT_TRANSLATED,
        (false, true) => BYPASSES,
        (false, false) => return None,
    };
    Some(mark.to_owned())
}

/// The sequence numbers that one side has sent.
#[derive(Debug, Default)]
struct Sent {
    next: Option<u32>,
    /// Sequence number of its SYN, and the number of times it was sent.
    syn: Option<(u32, u32)>,
}

impl Sent {
    fn mark(&mut self, segment: &Segment) -> Option<String> {
        if segment.syn {
            let retries = match self.syn {
                Some((seq, sent)) if seq == segment.sequence => sent,
                _ => 0,
            };
            self.syn = Some((segment.sequence, retries + 1));
            self.next = Some(self.next.filter(|_| retries > 0).unwrap_or(segment.end()));
            return (retries > 0).then(|| format!("retry {retries}"));
        }
        let next = *self.next.get_or_insert(segment.sequence);
        if distance(segment.end(), next) > 0 {
            self.next = Some(segment.end());
        }
        let behind = distance(segment.sequence, next);
        if segment.rst || behind >= 0 {
            None
        } else if segment.length <= 1 && behind == -1 && !segment.fin {
            // One byte back: a keepalive or zero-window probe (RFC 9293, section 3.8.4; RFC 1122, section 4.2.2.17).
            Some("probe".to_owned())
        } else if segment.end() == segment.sequence {
            None
        } else {
            Some("retransmission".to_owned())
        }
    }
}

/// Returns the state changes that the packets lead to, each with the number of the packet.
fn changes(travels: &Travels, fates: &[PacketFate]) -> Vec<(usize, EndState)> {
    let mut changes = Vec::new();
    for side in [0, 1] {
        // Each end processes packets in the order in which they are seen there.
        let mut seen: Vec<(u64, usize, bool)> = Vec::new();
        for (number, travel) in travels.all.iter().enumerate() {
            let sends = travel.forward == (side == 0);
            // The client's socket is connected to the address before the translation.
            if side == 0 && travel.bypasses {
                continue;
            }
            let time = if sends {
                travel.seen[0]
            } else {
                travel
                    .arrived()
                    .filter(|_| fates[number] == PacketFate::Arrived)
            };
            seen.extend(time.map(|time| (time, number, sends)));
        }
        seen.sort_unstable();
        let mut end = Endpoint::default();
        for (time, number, sends) in seen {
            let before = end.state();
            let segment = &travels.all[number].segment;
            if sends {
                end.sends(segment);
            } else {
                end.receives(segment);
            }
            if let Some(state) = end.state().filter(|state| Some(*state) != before) {
                let inferred = true;
                let change = EndState {
                    time,
                    side,
                    state,
                    inferred,
                };
                changes.push((number, change));
            }
        }
    }
    changes
}

/// Returns the new states of the client and the server after each packet.
fn by_packet(changes: &[(usize, EndState)], packets: usize) -> Vec<[Option<TcpState>; 2]> {
    let mut states = vec![[None, None]; packets];
    for (number, change) in changes {
        states[*number][change.side] = Some(change.state);
    }
    states
}
