//! What expectations name of an actor's sockets: the queues of its listener, what the kernel says of its connections.
//!
//! The kernel does not know whose a socket is. It is a server's where its port is that of the server, a client's where its other end is
//! what the client connects to; two clients of one node with one target are not told apart.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::named::NamedSeries;
use crate::metrics::node::PORTS_TO;
use crate::names::{ActorName, NodeName};
use crate::scenario::RunSpec;
use crate::scenario::topology::Prefix;

/// An actor of which something is watched.
#[derive(Debug, Clone)]
pub(super) struct WatchedActor {
    pub(super) name: ActorName,
    pub(super) whose: Whose,
    /// What is named of it.
    pub(super) named: BTreeSet<String>,
}

/// How its sockets are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// By this end's port.
    Serves(u16),
    /// By the other end.
    Connects(SocketAddr),
}

impl WatchedActor {
    /// Those of a node.
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

/// A server whose ports toward it are counted on some node.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    pub(super) name: ActorName,
    /// Where connections to it go: its node's addresses, and what clients connect to that name it, a translating node's among them.
    pub(super) addresses: BTreeSet<SocketAddr>,
}

impl Destination {
    /// Those that the names of a node's series speak of: `ports.to.web`.
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
