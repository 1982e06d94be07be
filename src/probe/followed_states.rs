//! Follows the states of the connections that expectations name (`load:1.state`).
//!
//! The client reports the addresses of its connection, and the kernel's trace has the states of the socket with these
//! addresses. It does not cover TIME_WAIT: after the handover, the small socket is looked up until it is gone.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::lab::Lab;
use crate::metrics;
use crate::names::NodeName;
use crate::record::{Event, KernelEvent, KernelFact, Offset, Recorder, SeriesId};
use crate::scenario::RunSpec;
use crate::sys::sock_diag::SockDiag;
use crate::tcp::{AddressPair, TcpState};

/// Time for which the states of a socket are kept before its client has reported its addresses, which it does right
/// after `connect(2)`.
const UNKNOWN_FOR: Duration = Duration::from_secs(10);

/// A named connection.
#[derive(Debug)]
struct TracedConnection {
    client: String,
    number: u64,
    node: NodeName,
    series: SeriesId,
    /// True once its addresses have been passed on.
    is_passed_on: bool,
    /// The time at which its attempt began, and its addresses.
    opened: Option<(Offset, AddressPair)>,
    /// The last recorded state with its time.
    last: (Offset, TcpState),
    phase: SocketPhase,
}

/// The kind of socket behind a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SocketPhase {
    /// A full socket, or none yet.
    Full,
    /// The kernel has released the full socket at this time, and perhaps replaced it by a small one.
    Released(Offset),
    /// A small socket.
    Small,
    /// The connection is over, and another one may use its addresses.
    Over,
}

/// The state that a socket left, and the one that it entered.
type StateChange = (Offset, TcpState, TcpState);

/// All named connections of a run.
#[derive(Debug)]
pub(super) struct FollowedStates {
    connections: Vec<TracedConnection>,
    /// The changes of sockets that may yet turn out to be named.
    changes: BTreeMap<(NodeName, SocketAddr, SocketAddr), Vec<StateChange>>,
    lookups: BTreeMap<NodeName, SockDiag>,
    recorder: Recorder,
}

impl FollowedStates {
    /// Returns true if an expectation names the state of a connection.
    pub(super) fn are_named(spec: &RunSpec) -> bool {
        let mut clients = spec.workload.clients.iter();
        clients.any(|client| !client.named.is_empty())
    }

    /// Declares the series of the named connections.
    ///
    /// # Errors
    /// `Unsupported` if the connections of a load have no numbers of their own; else those of sock_diag(7).
    pub(super) fn prepare(spec: &RunSpec, lab: &Lab, recorder: &Recorder) -> io::Result<Self> {
        let mut connections = Vec::new();
        let mut lookups = BTreeMap::new();
        let clients = spec.workload.clients.iter();
        for client in clients.filter(|client| !client.named.is_empty()) {
            let mut options = client.options.iter();
            let connects_late = options.any(|option| option.name == "TCP_FASTOPEN_CONNECT");
            if client.load.shares_connections() || connects_late {
                let text = format!(
                    "the connections of `{}` cannot be followed: its attempts share them, or connect(2) does not open \
                     them (TCP_FASTOPEN_CONNECT)",
                    client.name
                );
                return Err(io::Error::new(io::ErrorKind::Unsupported, text));
            }
            let attempts = client.load.starts().count();
            for number in &client.named {
                if *number > attempts {
                    let text = format!("`{}` makes {attempts} attempts, not {number}", client.name);
                    return Err(io::Error::new(io::ErrorKind::Unsupported, text));
                }
                let subject = format!("{}:{number}", client.name);
                connections.push(TracedConnection {
                    client: client.name.to_string(),
                    number: *number,
                    node: client.node.clone(),
                    series: recorder.metric(&metrics::traced::STATE, &subject),
                    is_passed_on: false,
                    opened: None,
                    last: (Offset::ZERO, TcpState::Close),
                    phase: SocketPhase::Full,
                });
            }
            if let Some(node) = lab.nodes().find(|node| node.name == client.node) {
                let lookup = node.netns.run(SockDiag::open)?;
                lookups.insert(node.name.clone(), lookup.map_err(io::Error::other)?);
            }
        }
        let states = Self {
            connections,
            changes: BTreeMap::new(),
            lookups,
            recorder: recorder.clone(),
        };
        for connection in &states.connections {
            states.record(connection);
        }
        Ok(states)
    }

    /// Returns true if there are named connections.
    pub(super) fn any(&self) -> bool {
        !self.connections.is_empty()
    }

    /// Returns true if small sockets have to be looked up.
    pub(super) fn looks_on(&self) -> bool {
        let is_small = |phase| matches!(phase, SocketPhase::Released(_) | SocketPhase::Small);
        let mut connections = self.connections.iter();
        connections.any(|connection| is_small(connection.phase))
    }

    /// Returns the addresses of the connections that have been opened since the last call.
    pub(super) fn newly_opened(&mut self) -> Vec<AddressPair> {
        let connections = self.connections.iter_mut();
        let opened = connections.filter_map(|connection| {
            let (_, pair) = connection.opened?;
            (!std::mem::replace(&mut connection.is_passed_on, true)).then_some(pair)
        });
        opened.collect()
    }

    /// Takes an event of the kernel into account.
    pub(super) fn see(&mut self, event: &KernelEvent) {
        let (KernelFact::State { from, to }, Some(local), Some(peer)) =
            (&event.what, event.local, event.peer)
        else {
            return;
        };
        let matters = |connection: &TracedConnection| {
            let is_it = |(_, pair): (Offset, AddressPair)| pair == (local, peer);
            connection.node == event.node && connection.opened.is_none_or(is_it)
        };
        if self.connections.iter().any(matters) {
            let of_socket = (event.node.clone(), local, peer);
            let changes = self.changes.entry(of_socket).or_default();
            changes.push((event.t, *from, *to));
        }
    }

    /// Records the changes so far, and the states of small sockets now.
    ///
    /// # Errors
    /// A client reports a socket without a port, or the kernel refuses a lookup.
    pub(super) fn advance(&mut self, now: Offset) -> io::Result<()> {
        let mut connections = std::mem::take(&mut self.connections);
        for connection in &mut connections {
            if connection.opened.is_none()
                && let Some(known) = self
                    .recorder
                    .connection(&connection.client, connection.number)
            {
                let no_port = || io::Error::other("a client connects from a socket without a port");
                connection.opened = Some((known.t, known.pair().ok_or_else(no_port)?));
            }
            if let Some((began, pair)) = connection.opened {
                let of_socket = (connection.node.clone(), pair.0, pair.1);
                let changes = self.changes.remove(&of_socket).unwrap_or_default();
                // An earlier connection may have had the same addresses.
                let own = changes.into_iter().filter(|(t, ..)| *t >= began);
                own.for_each(|change| self.change(connection, change));
                self.look_up(connection, pair, now)?;
            }
        }
        let is_open = connections
            .iter()
            .any(|connection| connection.opened.is_none());
        self.connections = connections;
        let recent = |changes: &Vec<StateChange>| {
            let last = changes.last().map_or(Offset::ZERO, |(t, ..)| *t);
            now.as_duration().saturating_sub(last.as_duration()) < UNKNOWN_FOR
        };
        self.changes.retain(|_, changes| is_open && recent(changes));
        Ok(())
    }

    fn change(&self, connection: &mut TracedConnection, (t, from, to): StateChange) {
        if connection.phase != SocketPhase::Full {
            return;
        }
        let may_be_replaced = matches!(from, TcpState::FinWait2 | TcpState::Closing);
        connection.phase = match to {
            // A lookup decides if it was the handover to TIME_WAIT or a reset.
            TcpState::Close if may_be_replaced => {
                connection.phase = SocketPhase::Released(t);
                return;
            }
            TcpState::Close => SocketPhase::Over,
            _ => SocketPhase::Full,
        };
        connection.last = (t, to);
        self.record(connection);
    }

    fn look_up(
        &mut self,
        connection: &mut TracedConnection,
        pair: AddressPair,
        now: Offset,
    ) -> io::Result<()> {
        let t = match connection.phase {
            SocketPhase::Full | SocketPhase::Over => return Ok(()),
            SocketPhase::Released(t) => t,
            SocketPhase::Small => now,
        };
        let Some(lookup) = self.lookups.get_mut(&connection.node) else {
            return Ok(());
        };
        let found = lookup.state_of(pair).map_err(io::Error::other)?;
        let (state, phase) = match found {
            Some(state @ (TcpState::FinWait2 | TcpState::TimeWait)) => (state, SocketPhase::Small),
            // It is gone, or another connection has its addresses.
            _ => (TcpState::Close, SocketPhase::Over),
        };
        connection.phase = phase;
        if state != connection.last.1 {
            connection.last = (t, state);
            self.record(connection);
        }
        Ok(())
    }

    /// Ends.
    ///
    /// # Errors
    /// A client connected, but the trace has nothing about its socket.
    pub(super) fn finish(&self) -> io::Result<()> {
        let untraced = self.connections.iter().find(|connection| {
            connection.opened.is_some() && connection.last == (Offset::ZERO, TcpState::Close)
        });
        match untraced {
            None => Ok(()),
            Some(connection) => Err(io::Error::other(format!(
                "the trace of the kernel has no states of `{}:{}`",
                connection.client, connection.number
            ))),
        }
    }

    fn record(&self, connection: &TracedConnection) {
        let (t, state) = connection.last;
        let v = vec![(connection.series, state as i64)];
        self.recorder.record(Event::Sample { t, v });
    }
}
