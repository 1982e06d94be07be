//! Metrics that need a list of individual sockets: queues of listeners, `tcp_info` of connections, ports toward a
//! server.
//!
//! Nothing is listed unless an expectation names it.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::ProbeError;
use super::actors::{Destination, WatchedActor, Whose};
use super::budget::Budget;
use super::watched::{Changes, Watched};
use crate::metrics::{Metric, node as node_metrics, sockets};
use crate::names::NodeName;
use crate::record::{Offset, Recorder};
use crate::sys::ports::local_ports;
use crate::sys::sched::thread_time;
use crate::sys::sock_diag::{ListedConnection, ListeningSocket, SockDiag, TcpStates};
use crate::sys::tcp_info::{self, FIELDS, TcpInfoField};
use crate::tcp::TcpState;

/// Sockets are listed at every look, up to a quarter of a processor, like those that are only counted (`sockets`).
const SHARE: u32 = 4;

/// The listed metrics of one node.
#[derive(Debug)]
pub(super) struct Listed {
    node: NodeName,
    diag: SockDiag,
    budget: Budget,
    queues: Vec<Queues>,
    infos: Vec<Info>,
    occupied: Vec<Occupied>,
    range: Option<Watched>,
}

#[derive(Debug)]
struct Queues {
    port: u16,
    /// Connections that wait for `accept(2)`, their limit, and those that are half-open.
    waiting: Option<Watched>,
    limit: Option<Watched>,
    half_open: Option<Watched>,
    half_open_now: i64,
}

/// A field of `tcp_info` over the established connections of an actor.
#[derive(Debug)]
struct Info {
    whose: Whose,
    field: TcpInfoField,
    mean: Option<Watched>,
    min: Option<Watched>,
    max: Option<Watched>,
    seen: Seen,
}

/// The values of a field in the current listing.
#[derive(Debug, Default)]
struct Seen {
    count: u64,
    sum: u64,
    min: u64,
    max: u64,
}

/// The ports of the node that connections to a server occupy.
#[derive(Debug)]
struct Occupied {
    to: BTreeSet<SocketAddr>,
    watched: Watched,
    ports: BTreeSet<SocketAddr>,
}

impl Listed {
    /// Opens the sockets in the calling thread's namespace and declares the series; `None` if nothing is named.
    pub(super) fn open(
        node: &NodeName,
        named: &BTreeSet<String>,
        actors: &[WatchedActor],
        destinations: &[Destination],
        recorder: &Recorder,
    ) -> Result<Option<Self>, ProbeError> {
        let range = named.contains(node_metrics::PORT_RANGE.name);
        let mut listed = Self {
            node: node.clone(),
            diag: SockDiag::open().map_err(|source| ProbeError::sockets(node, source))?,
            budget: Budget::one_in(SHARE),
            queues: Vec::new(),
            infos: Vec::new(),
            occupied: Vec::new(),
            range: range
                .then(|| Watched::new(recorder.metric(&node_metrics::PORT_RANGE, node.as_str()))),
        };
        for actor in actors {
            let watched = |metric: &Metric, extreme: &str| {
                let name = format!("{}{extreme}", metric.name);
                let series = format!("{}.{name}", actor.name);
                let declare = || recorder.series(series.as_str(), metric.kind, metric.unit);
                actor.named.contains(&name).then(|| Watched::new(declare()))
            };
            if let Whose::Serves(port) = actor.whose {
                let queues = Queues {
                    port,
                    waiting: watched(&sockets::ACCEPT_QUEUE, ""),
                    limit: watched(&sockets::ACCEPT_QUEUE_LIMIT, ""),
                    half_open: watched(&sockets::SYN_QUEUE, ""),
                    half_open_now: 0,
                };
                if queues.is_watched() {
                    listed.queues.push(queues);
                }
            }
            if !actor.named.iter().any(|name| name.starts_with("tcp_info.")) {
                continue;
            }
            // A field that this kernel lacks has no series, rather than one without a value.
            let length = tcp_info::length().map_err(|source| ProbeError::tcp_info(node, source))?;
            for field in FIELDS.iter().filter(|field| field.is_within(length)) {
                let info = Info {
                    whose: actor.whose,
                    field: *field,
                    mean: watched(field.metric, ""),
                    min: watched(field.metric, ".min"),
                    max: watched(field.metric, ".max"),
                    seen: Seen::default(),
                };
                if info.mean.is_some() || info.min.is_some() || info.max.is_some() {
                    listed.infos.push(info);
                }
            }
        }
        for destination in destinations {
            let (metric, server) = (&node_metrics::PORTS_TO, destination.name.as_str());
            let series = recorder.metric_of(metric, node.as_str(), server);
            listed.occupied.push(Occupied {
                to: destination.addresses.clone(),
                watched: Watched::new(series),
                ports: BTreeSet::new(),
            });
        }
        Ok(listed.is_wanted().then_some(listed))
    }

    fn is_wanted(&self) -> bool {
        self.range.is_some()
            || !self.queues.is_empty()
            || !self.infos.is_empty()
            || !self.occupied.is_empty()
    }

    /// Adds the values that have changed since the last look.
    pub(super) fn look(
        &mut self,
        t: Offset,
        last: bool,
        changes: &mut Changes,
    ) -> Result<(), ProbeError> {
        if !last && !self.budget.is_due(t) {
            return Ok(());
        }
        let before = thread_time();
        if let Some(range) = &mut self.range {
            let ports = local_ports();
            let file = "../sys/net/ipv4/ip_local_port_range";
            let ports = ports.map_err(|source| ProbeError::file(&self.node, file, source))?;
            range.see(count(ports.len()), changes);
        }
        if self.queues.iter().any(Queues::is_of_listener) {
            let listening = self.diag.listening();
            let listening = listening.map_err(|source| ProbeError::sockets(&self.node, source))?;
            for queues in &mut self.queues {
                queues.see(&listening, changes);
            }
        }
        self.list_connections()?;
        self.record(changes);
        self.budget.spent(t, thread_time().saturating_sub(before));
        Ok(())
    }

    fn list_connections(&mut self) -> Result<(), ProbeError> {
        let mut states = TcpStates::default();
        if self.queues.iter().any(|queues| queues.half_open.is_some()) {
            states = states.with(TcpState::SynRecv);
        }
        if !self.infos.is_empty() {
            states = states.with(TcpState::Established);
        }
        if !self.occupied.is_empty() {
            states = TcpStates::all().without(TcpState::Listen);
        }
        if states.is_empty() {
            return Ok(());
        }
        let Self {
            diag,
            queues,
            infos,
            occupied,
            ..
        } = self;
        let with_info = !infos.is_empty();
        let each = |connection: &ListedConnection<'_>| {
            if connection.state == TcpState::SynRecv as u8 {
                for queues in queues.iter_mut() {
                    queues.half_open_now += i64::from(connection.local.port() == queues.port);
                }
            }
            if connection.state == TcpState::Established as u8 {
                for info in infos.iter_mut() {
                    info.see(connection);
                }
            }
            for occupied in occupied.iter_mut() {
                if occupied.to.contains(&connection.remote) {
                    occupied.ports.insert(connection.local);
                }
            }
        };
        diag.connections(states, with_info, each)
            .map_err(|source| ProbeError::sockets(&self.node, source))
    }

    fn record(&mut self, changes: &mut Changes) {
        for queues in &mut self.queues {
            let half_open = std::mem::take(&mut queues.half_open_now);
            if let Some(watched) = &mut queues.half_open {
                watched.see(half_open, changes);
            }
        }
        for info in &mut self.infos {
            info.record(changes);
        }
        for occupied in &mut self.occupied {
            let ports = std::mem::take(&mut occupied.ports);
            occupied.watched.see(count(ports.len()), changes);
        }
    }
}

impl Queues {
    fn is_watched(&self) -> bool {
        self.is_of_listener() || self.half_open.is_some()
    }

    fn is_of_listener(&self) -> bool {
        self.waiting.is_some() || self.limit.is_some()
    }

    /// Adds up the queues of all listeners on the port, which can be several with `SO_REUSEPORT`.
    fn see(&mut self, listening: &[ListeningSocket], changes: &mut Changes) {
        let own = || {
            let port = self.port;
            let own = listening.iter();
            own.filter(move |listening| listening.address.port() == port)
        };
        let (waiting, limit) = own().fold((0, 0), |(waiting, limit), one| {
            (
                waiting + i64::from(one.queued),
                limit + i64::from(one.limit),
            )
        });
        if let Some(watched) = &mut self.waiting {
            watched.see(waiting, changes);
        }
        if let Some(watched) = &mut self.limit {
            watched.see(limit, changes);
        }
    }
}

impl Info {
    fn see(&mut self, connection: &ListedConnection<'_>) {
        let is_own = match self.whose {
            Whose::Serves(port) => connection.local.port() == port,
            Whose::Connects(to) => connection.remote == to,
        };
        let value = connection.info.and_then(|info| info.get(self.field));
        let Some(value) = value.filter(|_| is_own) else {
            return;
        };
        let seen = &mut self.seen;
        seen.min = if seen.count == 0 {
            value
        } else {
            seen.min.min(value)
        };
        seen.max = seen.max.max(value);
        seen.sum = seen.sum.saturating_add(value);
        seen.count += 1;
    }

    /// Records the mean and the extremes. Without a connection, the last values stay.
    fn record(&mut self, changes: &mut Changes) {
        let seen = std::mem::take(&mut self.seen);
        let Some(mean) = seen.sum.checked_div(seen.count) else {
            return;
        };
        let values = [
            (&mut self.mean, mean),
            (&mut self.min, seen.min),
            (&mut self.max, seen.max),
        ];
        for (watched, value) in values {
            if let Some(watched) = watched {
                watched.see(i64::try_from(value).unwrap_or(i64::MAX), changes);
            }
        }
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
