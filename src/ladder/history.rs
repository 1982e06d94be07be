//! The complete history of every connection of a run: each packet at each link end, and each state of both ends.

use std::time::Duration;

use super::account::{self, Account, SocketEvents};
use super::attempts::LadderAttempt;
use super::choice::{Caller, callers};
use super::path::Path;
use super::{LadderError, LadderSources, LinkView, PacketRow, StateRow, sighting};
use crate::names::{ActorName, NodeName};
use crate::record::{Capture, KernelEvent, KernelFact, Timeline};
use crate::scenario::RunSpec;
use crate::tcp::{AddressPair, TcpState};
use crate::units::show::brief;

/// Everything that a capture and a trace show about one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionHistory {
    /// The client or command that connects.
    pub client: ActorName,
    /// Number of the attempt, from 1.
    pub attempt: usize,
    /// Time of the first SYN by the run's clock, if it is known.
    pub began: Option<Duration>,
    /// The outcome in a few words: `answered after 1.2 ms`.
    pub outcome: String,
    /// The nodes on the path, the client's first.
    pub nodes: Vec<NodeName>,
    /// The links between the nodes, as indices into the topology's links.
    pub path: Vec<usize>,
    /// The addresses on each link.
    pub links: Vec<LinkView>,
    /// True if the states are the kernel's own, except those that are marked.
    pub traced: bool,
    /// The packets in the order of time.
    pub packets: Vec<PacketRow>,
    /// The states of both ends in the order of time.
    pub states: Vec<StateRow>,
}

/// The connections of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histories {
    /// The connections, by client and attempt.
    pub connections: Vec<ConnectionHistory>,
    /// The number of connections that are left out.
    pub left_out: usize,
    /// Notes for the reader.
    pub notes: Vec<String>,
}

/// Returns the history of every connection, up to this number of connections and of packets.
///
/// # Errors
/// If the capture belongs to another run.
pub fn histories(
    capture: &Capture,
    spec: &RunSpec,
    timeline: &Timeline,
    (most, mut packets): (usize, usize),
) -> Result<Histories, LadderError> {
    let sightings = sighting::sightings(capture);
    let sources = LadderSources::new((capture, &sightings), spec, timeline)?;
    let mut all = Histories::default();
    for caller in callers(spec) {
        let attempts = sources.attempts(&caller);
        for number in 0..attempts.len() {
            if all.connections.len() == most || packets == 0 {
                all.left_out += attempts.len() - number;
                break;
            }
            match sources.history(&caller, &attempts, number) {
                Ok(history) => {
                    packets = packets.saturating_sub(history.packets.len());
                    all.connections.push(history);
                }
                Err(error) => {
                    all.notes.push(format!("cannot {error}"));
                    break;
                }
            }
        }
        for note in caller.notes(capture, spec, timeline) {
            if !all.notes.contains(&note) {
                all.notes.push(note);
            }
        }
    }
    Ok(all)
}

/// Returns the history of every connection that the kernel reported, up to this number, for a run without a capture.
pub fn histories_of_trace(spec: &RunSpec, timeline: &Timeline, most: usize) -> Histories {
    let sockets = SocketEvents::of(timeline);
    let mut all = Histories::default();
    for caller in callers(spec) {
        let starts = starts(&caller, timeline);
        for (number, (event, pair)) in starts.iter().enumerate() {
            if all.connections.len() == most {
                all.left_out += starts.len() - number;
                break;
            }
            let mut later = starts[number + 1..].iter();
            let next = later.find(|(_, other)| other == pair);
            let ended = next.map_or(u64::MAX, |(next, _)| next.t.0);
            let attempt = LadderAttempt::of_trace(*pair, event.t.0, ended);
            let path = Path::new(&spec.topology, &caller.node, pair.1);
            let account = Account::without_packets((timeline, &sockets), &path, &attempt);
            let states = account.map(|account| account.states_without_packets());
            let states = account::rows(&states.unwrap_or_default(), attempt.began);
            all.connections.push(ConnectionHistory {
                client: caller.name.clone(),
                attempt: number + 1,
                began: Some(Duration::from_nanos(attempt.began)),
                outcome: outcome(&states),
                links: links(pair, &path),
                nodes: path.nodes,
                path: path.links,
                traced: true,
                packets: Vec::new(),
                states,
            });
        }
    }
    all
}

/// Returns the events with which the sockets of a client or command began to connect.
fn starts<'a>(caller: &Caller, timeline: &'a Timeline) -> Vec<(&'a KernelEvent, AddressPair)> {
    let began = timeline.traced.iter().filter_map(|event| {
        let pair = (event.local?, event.peer?);
        let connects =
            matches!(event.what, KernelFact::State { to, .. } if to == TcpState::SynSent);
        let wanted = caller.target.is_none_or(|target| target == pair.1);
        (connects && wanted && event.node == caller.node).then_some((event, pair))
    });
    began.collect()
}

fn outcome(states: &[StateRow]) -> String {
    let of_client = states.iter().filter(|state| state.side == 0);
    let mut established = of_client.filter(|state| state.state == TcpState::Established);
    match established.next() {
        Some(state) => format!("established after {}", brief(state.time)),
        None => "never established".to_owned(),
    }
}

/// Returns the addresses on the first link; what a translation makes of them is unknown.
fn links((from, to): &AddressPair, path: &Path) -> Vec<LinkView> {
    let link = |number: usize| LinkView {
        addresses: (number == 0)
            .then(|| format!("{from} → {to}"))
            .into_iter()
            .collect(),
        translated: false,
    };
    (0..path.links.len()).map(link).collect()
}
