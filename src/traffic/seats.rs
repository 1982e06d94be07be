//! Servers that start again: one at a time, or all of a node.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::actor::Actor;
use super::actor_metrics::ActorMetrics;
use super::{Traffic, TrafficError, server};
use crate::lab::LiveNode;
use crate::names::{ActorName, NodeName};
use crate::scenario::topology::IpVersion;
use crate::scenario::workload::{ServerSpec, StopHow, Workload};

/// A start that is due at once. A server that starts late counts an error of bind(2), as this one should.
const AT_ONCE: Duration = Duration::from_nanos(1);

/// The means to start a server, as often as needed. Its counts go on.
#[derive(Debug)]
pub(super) struct ServerSeat {
    pub(super) spec: ServerSpec,
    pub(super) node: LiveNode,
    pub(super) ip: IpVersion,
    pub(super) may_add_threads: bool,
    pub(super) metrics: Arc<ActorMetrics>,
}

impl ServerSeat {
    /// Starts the server, which listens at a time of the clock; at zero, before this returns.
    pub(super) fn start(&self, at: Duration) -> Result<Actor, TrafficError> {
        let spec = ServerSpec {
            start: at,
            ..self.spec.clone()
        };
        let (ip, may_add_threads) = (self.ip, self.may_add_threads);
        let metrics = Arc::clone(&self.metrics);
        Actor::start(&self.spec.name, &self.node, move |signals| {
            server::run(&spec, ip, may_add_threads, &metrics, &signals)
        })
    }
}

/// Returns the node of each actor.
pub(super) fn homes(workload: &Workload) -> BTreeMap<ActorName, NodeName> {
    let servers = workload.servers.iter().map(|own| (&own.name, &own.node));
    let clients = workload.clients.iter().map(|own| (&own.name, &own.node));
    let commands = workload.commands.iter().map(|own| (&own.name, &own.node));
    let all = servers.chain(clients).chain(commands);
    all.map(|(actor, node)| (actor.clone(), node.clone()))
        .collect()
}

impl Traffic {
    /// Starts a server that was stopped. If it cannot bind its port, it counts the error, and does not serve.
    ///
    /// # Errors
    /// Its thread cannot be started.
    pub fn start(&mut self, name: &ActorName) -> Result<(), TrafficError> {
        let seat = self.seats.iter().find(|seat| seat.spec.name == *name);
        let place = self
            .last_to_stop
            .iter_mut()
            .find(|actor| actor.name == *name);
        let (Some(seat), Some(place), Some(clock)) = (seat, place, self.clock.get()) else {
            return Ok(());
        };
        let mut actor = seat.start(AT_ONCE)?;
        actor.begin(*clock);
        *place = actor;
        Ok(())
    }

    /// Stops everything on a node. What its connections send then is up to the lab.
    ///
    /// # Errors
    /// [`TrafficError::Broken`] if an error of the lab itself had already stopped an actor.
    pub fn stop_all_on(&mut self, node: &NodeName) -> Result<(), TrafficError> {
        let here = self.homes.iter().filter(|(_, home)| *home == node);
        let here: Vec<ActorName> = here.map(|(actor, _)| actor.clone()).collect();
        for actor in here {
            let _was_running = self.stop(&actor, StopHow::Vanish)?;
        }
        Ok(())
    }

    /// Starts all servers of a node that was stopped.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start_all_on(&mut self, node: &NodeName) -> Result<(), TrafficError> {
        let here = self.seats.iter().filter(|seat| seat.spec.node == *node);
        let here: Vec<ActorName> = here.map(|seat| seat.spec.name.clone()).collect();
        here.iter().try_for_each(|actor| self.start(actor))
    }
}
