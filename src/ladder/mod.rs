//! Analyses the packets of one connection: the attempt, the path of each packet, where packets were lost, and the
//! likely reason from the record.
//!
//! [`draw`] makes a [`Ladder`] from a capture and a record. Rendering it is the job of `report::ladder`.

mod account;
mod attempts;
mod choice;
mod comments;
mod datagram;
mod exchange;
mod fate;
mod history;
mod path;
mod reason;
mod remarks;
mod rows;
mod sighting;
mod state;
mod tracking_notes;
mod translations;
mod travel;
mod upstream;

#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use thiserror::Error;

use crate::names::{ActorName, NodeName};
use crate::record::{Capture, Offset, Timeline};
use crate::scenario::RunSpec;
use crate::tcp::{TcpFlags, TcpState};
use crate::units::show::brief;
use account::{Account, SocketEvents};
use attempts::{LadderAttempt, attempts};
use choice::Caller;
pub use choice::{ConnectionChoice, ConnectionChoiceError};
pub use comments::comment_capture;
use datagram::Datagrams;
pub use fate::{LossPoint, LossReason, PacketFate};
pub use history::{ConnectionHistory, Histories, histories, histories_of_trace};
use path::Path;
use reason::LossReasons;
pub use remarks::PacketRemarks;
use rows::ConnectionRows;
use sighting::{Sighting, SightingIndex};
use translations::Translations;
use travel::Travels;

/// The packets of a connection, ready to be rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    /// The client, proxy or command that connects.
    pub client: ActorName,
    /// Number of the attempt, from 1.
    pub attempt: usize,
    /// Number of attempts in the capture.
    pub attempts: usize,
    /// Time of the first SYN by the run's clock, if the capture has the clock's zero.
    pub began: Option<Duration>,
    /// The outcome in a few words: `answered after 1.2 ms, status 503`.
    pub outcome: String,
    /// The nodes on the path, the client's first.
    pub nodes: Vec<NodeName>,
    /// The addresses on each link between the nodes.
    pub links: Vec<LinkView>,
    /// True if the states are the kernel's own; otherwise they are inferred from the packets.
    pub traced: bool,
    /// Packets, and states if the run was traced, in the order of time.
    pub rows: Vec<LadderRow>,
    /// Notes for the reader.
    pub notes: Vec<String>,
}

/// The addresses of a connection on one link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkView {
    /// Source and destination, seen from the client: `10.0.0.1:40000 → 10.0.1.2:80`. Several if a translation changed
    /// during the attempt, none if no packet was seen.
    pub addresses: Vec<String>,
    /// True if they differ from the addresses on the previous link.
    pub translated: bool,
}

/// A row of a ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LadderRow {
    Packet(PacketRow),
    State(StateRow),
    /// The number of packets that are not shown here.
    LeftOut(usize),
}

/// A new state of one end, in a run that was traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateRow {
    /// Time since the connection's first SYN.
    pub time: Duration,
    /// 0 for the client, 1 for the server.
    pub side: usize,
    /// The state.
    pub state: TcpState,
    /// True if it is inferred from the packets, because the kernel does not report it.
    pub inferred: bool,
    /// Set if from now on the two ends disagree about the connection.
    pub disagreement: Option<Disagreement>,
}

/// An interval in which one end has an open connection and the other has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disagreement {
    /// Its length; `None` if it lasts until the end of the trace.
    pub lasts: Option<Duration>,
}

/// A packet and its way through the links.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PacketRow {
    /// True for a UDP datagram, which has no flags and no numbers.
    pub datagram: bool,
    /// Time since the connection's first SYN.
    pub time: Duration,
    /// True if it travels from the client to the server.
    pub forward: bool,
    pub flags: TcpFlags,
    /// Sequence number relative to the sender's initial one; absolute if that is unknown.
    pub seq: i64,
    /// Acknowledgement number relative to the receiver's initial sequence number.
    pub ack: Option<i64>,
    /// Bytes of data.
    pub length: u32,
    /// The status of an HTTP reply that begins in it.
    pub status: Option<u16>,
    /// `retry 1`, `retransmission` or `probe`, for a packet that was sent again; `not translated`; for a reset, the
    /// kernel's reason.
    pub mark: Option<String>,
    /// The links on which it was seen, in order.
    pub hops: Vec<Hop>,
    pub fate: PacketFate,
    /// The new states of the client and the server, inferred from the packets; `None` if unchanged, or if the run was
    /// traced and there are rows for states.
    pub states: [Option<TcpState>; 2],
}

impl PacketRow {
    /// Returns true if it was sent again, or is a reset or the reply of an error.
    pub fn is_notable(&self) -> bool {
        self.mark.is_some() || self.status.is_some_and(|status| status >= 400)
    }
}

/// One packet on one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop {
    /// Index of the link, which is the index of the node on its client side.
    pub link: usize,
    /// Time since the connection's first SYN at which it left the near end, if it was seen there.
    pub left: Option<Duration>,
    /// Time from one end of the link to the other, if the packet was seen at both.
    pub transit: Option<Duration>,
    /// True if it was seen at the far end.
    pub arrived: bool,
}

/// The error when a ladder cannot be drawn. Completes "cannot ...".
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LadderError {
    /// The capture belongs to another run.
    #[error("draw a ladder of `{run}`: the capture is of `{capture}`")]
    OtherRun { run: String, capture: String },
    /// The scenario has no client, proxy or command with this name.
    #[error("find a client, proxy or command named `{name}`; available: {known}")]
    Unknown {
        name: ActorName,
        /// The names in the scenario, separated by commas.
        known: String,
    },
    /// The client sent nothing.
    #[error("find a connection attempt of `{client}`: no SYN left `{node}`{reason}")]
    NoAttempt {
        client: ActorName,
        node: NodeName,
        /// The reason if known, starting with a semicolon.
        reason: String,
    },
    /// The capture has fewer attempts.
    #[error("find attempt {wanted} of `{client}`: the capture has {found}{reason}")]
    TooFew {
        client: ActorName,
        wanted: usize,
        found: usize,
        /// The reason if known, starting with a semicolon.
        reason: String,
    },
    /// The client and the server share a node.
    #[error("draw a ladder: `{client}` connects to its own node, so no packet passes a link")]
    OneNode { client: ActorName },
}

/// Draws the ladder of one connection.
///
/// # Errors
/// If the capture has no such connection.
pub fn draw(
    capture: &Capture,
    spec: &RunSpec,
    timeline: &Timeline,
    which: &ConnectionChoice,
) -> Result<Ladder, LadderError> {
    let sightings = sighting::sightings(capture);
    LadderSources::new((capture, &sightings), spec, timeline)?.draw(which)
}

/// Draws one connection of everything that connects in a run: the first that failed, else the first with a
/// retransmission, otherwise the first. For a client without a connection, the reason is returned.
///
/// # Errors
/// If the capture belongs to another run.
pub fn draw_each(
    capture: &Capture,
    spec: &RunSpec,
    timeline: &Timeline,
) -> Result<Vec<Result<Ladder, LadderError>>, LadderError> {
    let sightings = sighting::sightings(capture);
    let evidence = LadderSources::new((capture, &sightings), spec, timeline)?;
    let each = choice::callers(spec).into_iter().map(|caller| {
        let which = ConnectionChoice {
            client: caller.name,
            attempt: None,
        };
        (caller.target, evidence.draw(&which))
    });
    // A command need not connect to anything, so it is left out if it did not.
    let shown = each.filter(|(target, drawn)| {
        target.is_some() || !matches!(drawn, Err(LadderError::NoAttempt { .. }))
    });
    Ok(shown.map(|(_, drawn)| drawn).collect())
}

/// The inputs from which the ladders of a run are drawn.
struct LadderSources<'a> {
    capture: &'a Capture,
    spec: &'a RunSpec,
    timeline: &'a Timeline,
    sightings: &'a [Sighting<'a>],
    index: SightingIndex<'a>,
    sockets: SocketEvents<'a>,
    /// Empty unless something asks over UDP.
    datagrams: Datagrams<'a>,
    translations: Translations<'a>,
}

impl<'a> LadderSources<'a> {
    /// `sightings` are those of the capture.
    fn new(
        (capture, sightings): (&'a Capture, &'a [Sighting<'a>]),
        spec: &'a RunSpec,
        timeline: &'a Timeline,
    ) -> Result<Self, LadderError> {
        choice::same_run(capture, spec)?;
        Ok(Self {
            capture,
            spec,
            timeline,
            sightings,
            index: SightingIndex::new(sightings),
            sockets: SocketEvents::of(timeline),
            datagrams: match choice::callers(spec).iter().any(|caller| caller.datagrams) {
                true => Datagrams::of(capture),
                false => Datagrams::default(),
            },
            translations: Translations::of(timeline),
        })
    }

    fn draw(&self, which: &ConnectionChoice) -> Result<Ladder, LadderError> {
        let (capture, timeline) = (self.capture, self.timeline);
        let caller = Caller::find(self.spec, &which.client)?;
        let attempts = self.attempts(&caller);
        let chosen = caller.choose(&attempts, which, timeline, capture.ended)?;
        let history = self.history(&caller, &attempts, chosen)?;
        let traced = history.traced;
        Ok(Ladder {
            client: history.client,
            attempt: history.attempt,
            attempts: attempts.len(),
            began: history.began,
            outcome: history.outcome,
            links: history.links,
            traced,
            rows: ConnectionRows {
                packets: history.packets,
                states: history.states,
            }
            .arranged(traced),
            notes: std::iter::once(about_states(&caller, traced).to_owned())
                .chain(self.tracking_notes(&history.nodes, &attempts[chosen]))
                .chain(caller.notes(capture, self.spec, timeline))
                .chain(upstream::note(
                    &caller.name,
                    &attempts[chosen],
                    (capture, self.sightings),
                    self.spec,
                    timeline,
                ))
                .collect(),
            nodes: history.nodes,
        })
    }

    /// Returns the attempts of a client, proxy or command; the exchanges, if it asks over UDP.
    fn attempts(&self, caller: &Caller) -> Vec<LadderAttempt> {
        if caller.datagrams {
            let pause = caller.timeout + Duration::from_secs(1);
            let pause = crate::units::as_nanos(pause);
            self.datagrams.exchanges(&caller.node, caller.target, pause)
        } else {
            attempts(self.sightings, &caller.node, caller.target)
        }
    }

    fn tracking_notes(&self, nodes: &[NodeName], attempt: &LadderAttempt) -> Vec<String> {
        let Some(zero) = self.capture.clock_zero else {
            return Vec::new();
        };
        let [began, ended] = [attempt.began, attempt.ended].map(|time| time.saturating_sub(zero));
        let during = (Offset(began), Offset(ended));
        tracking_notes::notes(self.timeline, nodes, attempt.pair, during)
    }

    /// Returns everything about one of the attempts of a client or command.
    fn history(
        &self,
        caller: &Caller,
        attempts: &[LadderAttempt],
        chosen: usize,
    ) -> Result<ConnectionHistory, LadderError> {
        let (capture, spec) = (self.capture, self.spec);
        let attempt = &attempts[chosen];
        if caller.datagrams {
            return self.exchange(caller, attempt, chosen);
        }
        let path = Path::new(&spec.topology, &caller.node, attempt.pair.1);
        if path.links.is_empty() {
            return Err(LadderError::OneNode {
                client: caller.name.clone(),
            });
        }
        let travels = travel::follow(&self.index.of(attempt), &path, attempt);
        let fates = fate::fates(&travels, &path, &spec.topology, capture.ended);
        let account = Account::of(
            (self.timeline, &self.sockets),
            capture.clock_zero,
            (&path, &travels),
            attempt,
        );
        let traced = account.as_ref().is_some_and(Account::has_states);
        let reasons = LossReasons {
            spec,
            timeline: self.timeline,
            path: &path,
            zero: capture.clock_zero,
            account,
        };
        let rows = rows::rows(&travels, fates, attempt, &reasons);
        Ok(ConnectionHistory {
            client: caller.name.clone(),
            attempt: chosen + 1,
            began: since_zero(capture, attempt),
            outcome: outcome(attempt),
            links: links(&travels, &path),
            path: path.links,
            nodes: path.nodes,
            traced,
            packets: rows.packets,
            states: rows.states,
        })
    }
}

/// Returns true if a run has a client, proxy or command with this name.
pub fn has_caller(spec: &RunSpec, name: &ActorName) -> bool {
    choice::callers(spec)
        .iter()
        .any(|caller| caller.name == *name)
}

/// Returns the sentence that says where the states come from.
fn about_states(caller: &Caller, traced: bool) -> &'static str {
    if caller.datagrams {
        "UDP sockets have no states; each exchange has the datagrams between one socket and its target, and those that \
         are alike are taken to arrive in the order in which they were sent"
    } else if traced {
        "states are the kernel's own, except those marked as inferred: the kernel reports neither half-open \
         connections of the server nor TIME_WAIT"
    } else {
        "states are inferred from the packets"
    }
}

fn since_zero(capture: &Capture, attempt: &LadderAttempt) -> Option<Duration> {
    let since = attempt.began.checked_sub(capture.clock_zero?)?;
    Some(Duration::from_nanos(since))
}

/// Describes the outcome of an attempt by the first reply to the client, and the HTTP status that it got.
fn outcome(attempt: &LadderAttempt) -> String {
    let Some(answer) = attempt.answer else {
        return "never answered".to_owned();
    };
    let took = Duration::from_nanos(answer.time.saturating_sub(attempt.began));
    let how = if answer.refused {
        "refused"
    } else {
        "answered"
    };
    let status = match attempt.status {
        Some((status, _)) => format!(", status {status}"),
        None => String::new(),
    };
    format!("{how} after {}{status}", brief(took))
}

/// Returns the addresses on each link, taken from the SYNs that were seen at its ends.
fn links(travels: &Travels, path: &Path) -> Vec<LinkView> {
    let mut before = Vec::new();
    let links = (0..path.links.len()).map(|link| {
        let ends = [link * 2, link * 2 + 1];
        let pairs = ends
            .iter()
            .filter_map(|end| travels.pairs.get(end))
            .flatten();
        let mut addresses: Vec<_> = pairs.map(|(from, to)| format!("{from} → {to}")).collect();
        addresses.sort();
        addresses.dedup();
        let translated = link > 0 && !addresses.is_empty() && addresses != before;
        before.clone_from(&addresses);
        LinkView {
            addresses,
            translated,
        }
    });
    links.collect()
}
