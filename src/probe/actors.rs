//! The sockets of actors whose metrics expectations name: the queues of listeners and the connections.
//!
//! The kernel does not know the actor of a socket. It is taken for a server's by its local port, and for a
//! client's by its remote address. Two clients on one node with the same target cannot be distinguished.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::named::NamedSeries;
use crate::metrics::node::PORTS_TO;
use crate::names::{ActorName, NodeName};
use crate::scenario::RunSpec;
use crate::scenario::topology::Prefix;

/// An actor with metrics that expectations name.
#[derive(Debug, Clone)]
pub(super) struct WatchedActor {
    pub(super) name: ActorName,
    pub(super) whose: Whose,
    pub(super) named: BTreeSet<String>,
}

/// The property by which sockets of an actor are recognized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Serves(u16),
    Connects(SocketAddr),
}

impl WatchedActor {
    /// Collects the actors of a node.
    pub(super) fn of(spec: &RunSpec, node: &NodeName, named: &NamedSeries) -> Vec<Self> {
        let workload = &spec.workload;
        let servers = workload.servers.iter();
        let servers =
            servers.map(|server| (&server.name, &server.node, Whose::Serves(server.port)));
        let clients = workload.clients.iter();
        let clients =
            clients.map(|client| (&client.name, &client.node, Whose::Connects(client.target)));
        let commands = workload.commands.iter().filter_map(|command| {
            Some((&command.name, &command.node, Whose::Serves(command.ready?)))
        });
        servers
            .chain(clients)
            .chain(commands)
            .filter(|(_, on, _)| *on == node)
            .map(|(name, _, whose)| Self {
                name: name.clone(),
                whose,
                named: named.of_owner(name.as_str()),
            })
            .filter(|actor| !actor.named.is_empty())
            .collect()
    }
}

/// A server toward which occupied ports are counted on a node.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    pub(super) name: ActorName,
    /// The addresses of its node, and those that clients of the server connect to, such as that of a translating node.
    pub(super) addresses: BTreeSet<SocketAddr>,
}

impl Destination {
    /// Collects the servers that metrics of a node name: `ports.to.web`.
    pub(super) fn of(spec: &RunSpec, named: &BTreeSet<String>) -> Vec<Self> {
        let names = named.iter().filter_map(|name| PORTS_TO.value_in(name));
        names.filter_map(|name| Self::called(spec, name)).collect()
    }

    fn called(spec: &RunSpec, name: &str) -> Option<Self> {
        let workload = &spec.workload;
        let servers = workload.servers.iter();
        let servers = servers.map(|server| (&server.name, &server.node, server.port));
        let commands = workload.commands.iter();
        let commands =
            commands.filter_map(|command| Some((&command.name, &command.node, command.ready?)));
        let (name, node, port) = servers
            .chain(commands)
            .find(|(called, ..)| called.as_str() == name)?;
        let interfaces = spec.topology.nodes.get(node)?.interfaces.iter();
        let own = interfaces
            .flat_map(|interface| &interface.addresses)
            .map(|Prefix { address, .. }| SocketAddr::new(*address, port));
        let clients = workload.clients.iter();
        let named = clients
            .filter(|client| client.to.as_ref() == Some(name))
            .map(|client| client.target);
        Some(Self {
            name: name.clone(),
            addresses: own.chain(named).collect(),
        })
    }
}
