//! The ladder of one connection: its packets as arrows between the nodes on its way, the dropped ones marked where they vanished.
//!
//! Drawn from a capture, with reasons from the record beside it. [`draw`] finds out what is to be shown; [`text()`] and [`svg()`]
//! show it.

mod attempts;
mod choice;
mod fate;
mod path;
mod reason;
mod rows;
mod sighting;
mod state;
mod travel;

#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use thiserror::Error;

use crate::names::{ActorName, NodeName};
use crate::record::{Capture, Timeline};
use crate::scenario::RunSpec;
use crate::tcp::{TcpFlags, TcpState};
use crate::units::show::brief;
use attempts::{LadderAttempt, attempts};
use choice::Caller;
pub use choice::{ConnectionChoice, ConnectionChoiceError};
pub use fate::{LossPoint, PacketFate};
use path::Path;
use reason::LossReasons;
use sighting::Sighting;
use travel::Travels;

/// A connection, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    /// Who connects.
    pub client: ActorName,
    /// Which of its attempts this is, from 1.
    pub attempt: usize,
    /// How many attempts the capture has of it.
    pub attempts: usize,
    /// When its first SYN left, by the run's clock, where the capture says when that began.
    pub began: Option<Duration>,
    /// How connecting came out, a few words.
    pub outcome: String,
    /// The nodes on its way, the client's first.
    pub nodes: Vec<NodeName>,
    /// The addresses on each link between them.
    pub links: Vec<LinkView>,
    /// What happened, in the order of time.
    pub rows: Vec<LadderRow>,
    /// What a reader must know.
    pub notes: Vec<String>,
}

/// The addresses of a connection on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkView {
    /// From whom to whom, seen from the client: `10.0.0.1:40000 → 10.0.1.2:80`; several where a translation changed. Empty where
    /// no packet was seen.
    pub addresses: Vec<String>,
    /// Whether they differ from those on the link before.
    pub translated: bool,
}

/// A line of a ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LadderRow {
    /// A packet.
    Packet(PacketRow),
    /// So many packets that are not shown.
    LeftOut(usize),
}

/// A packet with its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketRow {
    /// When it was seen first, since the connection's first SYN.
    pub time: Duration,
    /// Whether it goes from the client to the server.
    pub forward: bool,
    /// Its control bits.
    pub flags: TcpFlags,
    /// Sequence number of its first byte, from its sender's initial one on; as it is where that is not known.
    pub seq: i64,
    /// What it acknowledges, from the receiver's initial sequence number on.
    pub ack: Option<i64>,
    /// Bytes of data.
    pub length: u32,
    /// `retry 1`, `retransmission`, where it is one.
    pub mark: Option<String>,
    /// The links that it was seen on, in the order of its way.
    pub hops: Vec<Hop>,
    /// What became of it.
    pub fate: PacketFate,
    /// The state that the client and the server have from here on, where it changes, from the packets.
    pub states: [Option<TcpState>; 2],
}

/// A packet on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop {
    /// The link: between the node of this number and the next.
    pub link: usize,
    /// How long it took from one end to the other, where it was seen at both.
    pub transit: Option<Duration>,
    /// Whether it was seen at the far end.
    pub arrived: bool,
}

/// Why a ladder cannot be drawn. Completes "cannot ...".
#[derive(Debug, Error)]
pub enum LadderError {
    /// The capture is of something else.
    #[error("draw a ladder of `{run}`: the capture is of `{capture}`")]
    OtherRun {
        /// The run of the record.
        run: String,
        /// The run of the capture.
        capture: String,
    },
    /// Nothing in the scenario has this name.
    #[error("find a client or command `{name}`; there is: {known}")]
    Unknown {
        /// The name.
        name: ActorName,
        /// Those there are.
        known: String,
    },
    /// Nothing was sent.
    #[error("find a connection attempt of `{client}`: no SYN left `{node}`{reason}")]
    NoAttempt {
        /// The client.
        client: ActorName,
        /// Its node.
        node: NodeName,
        /// Why, where that is known: begins with a comma or a colon.
        reason: String,
    },
    /// There are not that many.
    #[error("find attempt {wanted} of `{client}`: the capture has {found}{reason}")]
    TooFew {
        /// The client.
        client: ActorName,
        /// The number asked for.
        wanted: usize,
        /// How many there are.
        found: usize,
        /// Why, where that is known: begins with a comma or a colon.
        reason: String,
    },
    /// There is nothing between client and server.
    #[error("draw a ladder: `{client}` connects to its own node, so no packet passes a link")]
    OneNode {
        /// The client.
        client: ActorName,
    },
}

/// Finds the connection that is asked for, and all that is known of it.
///
/// # Errors
/// Where the capture has no such connection.
pub fn draw(
    capture: &Capture,
    spec: &RunSpec,
    timeline: &Timeline,
    which: &ConnectionChoice,
) -> Result<Ladder, LadderError> {
    LadderSources::new(capture, spec, timeline)?.draw(which)
}

/// Finds a connection of everything that connects in a run: the first of each that failed, else the first that sent something
/// again, else the first. What has none comes with why.
///
/// # Errors
/// Where the capture is of another run.
pub fn draw_each(
    capture: &Capture,
    spec: &RunSpec,
    timeline: &Timeline,
) -> Result<Vec<Result<Ladder, LadderError>>, LadderError> {
    let evidence = LadderSources::new(capture, spec, timeline)?;
    let each = choice::callers(spec).into_iter().map(|caller| {
        let which = ConnectionChoice {
            client: caller.name,
            attempt: None,
        };
        (caller.target, evidence.draw(&which))
    });
    // A command is no client: that it connects to nothing is nothing to tell.
    let told = each.filter(|(target, drawn)| {
        target.is_some() || !matches!(drawn, Err(LadderError::NoAttempt { .. }))
    });
    Ok(told.map(|(_, drawn)| drawn).collect())
}

/// What ladders of a run are drawn from.
struct LadderSources<'a> {
    capture: &'a Capture,
    spec: &'a RunSpec,
    timeline: &'a Timeline,
    sightings: Vec<Sighting<'a>>,
}

impl<'a> LadderSources<'a> {
    fn new(
        capture: &'a Capture,
        spec: &'a RunSpec,
        timeline: &'a Timeline,
    ) -> Result<Self, LadderError> {
        choice::same_run(capture, spec)?;
        Ok(Self {
            capture,
            spec,
            timeline,
            sightings: sighting::sightings(capture),
        })
    }

    fn draw(&self, which: &ConnectionChoice) -> Result<Ladder, LadderError> {
        let Self {
            capture,
            spec,
            timeline,
            sightings,
        } = self;
        let caller = Caller::find(spec, &which.client)?;
        let attempts = attempts(sightings, &caller.node, caller.target);
        let chosen = caller.choose(&attempts, which, timeline, capture.ended)?;
        let attempt = &attempts[chosen];
        let path = Path::new(&spec.topology, &caller.node, attempt.pair.1);
        if path.links.is_empty() {
            return Err(LadderError::OneNode {
                client: which.client.clone(),
            });
        }
        let travels = travel::follow(sightings, &path, attempt);
        let fates = fate::fates(&travels, &path, &spec.topology, capture.ended);
        let reasons = LossReasons {
            spec,
            timeline,
            path: &path,
            zero: capture.clock_zero,
        };
        Ok(Ladder {
            client: which.client.clone(),
            attempt: chosen + 1,
            attempts: attempts.len(),
            began: since_zero(capture, attempt),
            outcome: outcome(attempt),
            links: links(&travels, &path),
            rows: rows::rows(&travels, fates, attempt, &reasons),
            notes: caller.notes(capture, spec, timeline),
            nodes: path.nodes,
        })
    }
}

fn since_zero(capture: &Capture, attempt: &LadderAttempt) -> Option<Duration> {
    let since = attempt.began.checked_sub(capture.clock_zero?)?;
    Some(Duration::from_nanos(since))
}

/// How connecting came out, by what came back to the client first.
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
    format!("{how} after {}", brief(took))
}

/// The addresses on each link, learnt from the SYNs that were seen at its ends.
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
