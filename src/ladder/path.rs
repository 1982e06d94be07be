//! Finds the nodes on a connection's path, from the topology alone.

use std::net::{IpAddr, SocketAddr};

use crate::names::{IfName, NodeName};
use crate::record::LinkEnd;
use crate::scenario::topology::{InterfaceSpec, NatSpec, NodeSpec, Prefix, Topology};

/// The path from a client to the address that it connects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    /// The nodes, the client's first.
    pub(super) nodes: Vec<NodeName>,
    /// The links between them as indices into the topology's links, one fewer than nodes.
    pub(super) links: Vec<usize>,
    /// For each link, the interfaces of the node before it and of the node after it.
    ports: Vec<[Option<IfName>; 2]>,
}

impl Path {
    /// Follows addresses, routes and destination NAT until no further hop is found.
    pub(super) fn new(topology: &Topology, from: &NodeName, to: SocketAddr) -> Self {
        Self::translated_by(topology, from, to, |_| None)
    }

    /// Like [`Self::new`], with the addresses to which nodes were seen to forward.
    pub(super) fn translated_by(
        topology: &Topology,
        from: &NodeName,
        to: SocketAddr,
        known: impl Fn(&NodeName) -> Option<SocketAddr>,
    ) -> Self {
        let (nodes, links) = Self::hops(topology, from, to, known);
        let port = |node: &NodeName, link: usize| {
            let mut interfaces = topology.nodes.get(node)?.interfaces.iter();
            let own = interfaces.find(|own| own.link == link)?;
            Some(own.name.clone())
        };
        let ports = links.iter().enumerate().map(|(hop, link)| {
            [hop, hop + 1].map(|node| nodes.get(node).and_then(|node| port(node, *link)))
        });
        Self {
            ports: ports.collect(),
            nodes,
            links,
        }
    }

    fn hops(
        topology: &Topology,
        from: &NodeName,
        to: SocketAddr,
        known: impl Fn(&NodeName) -> Option<SocketAddr>,
    ) -> (Vec<NodeName>, Vec<usize>) {
        let (mut nodes, mut links) = (vec![from.clone()], Vec::new());
        let mut to = to;
        let mut at = from;
        while let Some(node) = topology.nodes.get(at) {
            if owns(node, to.ip()) {
                // A node's own packets do not pass its translation for arriving packets.
                let inner = known(at).or_else(|| translated(node, to.port()));
                match inner.filter(|_| nodes.len() > 1) {
                    Some(inner) if !owns(node, inner.ip()) => to = inner,
                    _ => break,
                }
            }
            let Some((interface, hop)) = way_out(node, to.ip()) else {
                break;
            };
            let interface = match topology.nodes.get(&interface.peer) {
                Some(switch) if switch.switch => {
                    nodes.push(interface.peer.clone());
                    links.push(interface.link);
                    let mut ports = switch.interfaces.iter();
                    let leads = |port: &&InterfaceSpec| {
                        let peer = topology.nodes.get(&port.peer);
                        peer.is_some_and(|peer| owns(peer, hop))
                    };
                    let Some(port) = ports.find(leads) else { break };
                    port
                }
                _ => interface,
            };
            if nodes.contains(&interface.peer) {
                break;
            }
            nodes.push(interface.peer.clone());
            links.push(interface.link);
            at = &interface.peer;
        }
        (nodes, links)
    }

    /// Returns the position at which a packet leaves this interface of a node or arrives there: 0 if it leaves its
    /// sender, 1 if it arrives at the next node, and so on. `None` if that is impossible, such as leaving its receiver.
    ///
    /// A path may pass a node twice, such as the switch of a segment, but each time it leaves for another link.
    pub(super) fn place(&self, end: &LinkEnd, leaving: bool, forward: bool) -> Option<usize> {
        let hops = self.links.len();
        let sender_side = usize::from(forward != leaving);
        let at = |hop: usize| (hop + sender_side, &self.ports[hop][sender_side]);
        let place = |hop: usize| {
            let hops_before = if forward { hop } else { hops - 1 - hop };
            hops_before * 2 + usize::from(!leaving)
        };
        let is_there = |hop: &usize| {
            let (node, port) = at(*hop);
            self.nodes.get(node) == Some(&end.node) && port.as_ref() == Some(&end.interface)
        };
        let exact = (0..hops).find(is_there);
        // A route may lead back over another link than the path's.
        let near = || {
            let mut known = (0..hops).filter(|hop| self.nodes.get(at(*hop).0) == Some(&end.node));
            known.next().filter(|_| known.next().is_none())
        };
        exact.or_else(near).map(place)
    }

    /// Ends the path at this node, as an index.
    pub(super) fn end_at(&mut self, node: usize) {
        self.nodes.truncate(node + 1);
        self.links.truncate(node);
        self.ports.truncate(node);
    }

    /// Returns true if the client's node is this one.
    pub(super) fn begins_at(&self, node: &NodeName) -> bool {
        self.nodes.first() == Some(node)
    }

    /// Returns true if this node is on the path.
    pub(super) fn passes(&self, node: &NodeName) -> bool {
        self.nodes.contains(node)
    }
}

fn owns(node: &NodeSpec, address: IpAddr) -> bool {
    let mut interfaces = node.interfaces.iter();
    address.is_loopback()
        || interfaces.any(|own| own.addresses.iter().any(|own| own.address == address))
        || node.source_prefix.is_some_and(|own| contains(own, address))
}

/// Returns the target to which the node forwards a port.
fn translated(node: &NodeSpec, port: u16) -> Option<SocketAddr> {
    node.nat.iter().find_map(|nat| match nat {
        NatSpec::Dnat { port: own, to, .. } if *own == port => to.first().copied(),
        _ => None,
    })
}

/// Returns the interface by which packets to an address leave, and the address of the next hop.
fn way_out(node: &NodeSpec, to: IpAddr) -> Option<(&InterfaceSpec, IpAddr)> {
    let connected = |to: IpAddr| {
        let mut interfaces = node.interfaces.iter();
        let found = interfaces.find(|own| own.addresses.iter().any(|own| contains(*own, to)));
        found.map(|interface| (interface, to))
    };
    let routes = node.routes.iter().filter(|route| contains(route.to, to));
    connected(to).or_else(|| connected(routes.max_by_key(|route| route.to.length)?.via))
}

fn contains(prefix: Prefix, address: IpAddr) -> bool {
    let (bits, one, other) = match (prefix.address, address) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            (32, u128::from(one.to_bits()), u128::from(other.to_bits()))
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => (128, one.to_bits(), other.to_bits()),
        _ => return false,
    };
    let free = bits - u32::from(prefix.length).min(bits);
    // With a prefix length of 0 the shift is as wide as the type; every address matches.
    one.checked_shr(free).unwrap_or(0) == other.checked_shr(free).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_contains_what_shares_its_first_bits() {
        let contains = |address: &str, length, other: &str| {
            let address = address.parse().unwrap();
            contains(Prefix { address, length }, other.parse().unwrap())
        };
        assert!(contains("10.0.1.1", 24, "10.0.1.200"));
        assert!(!contains("10.0.1.1", 24, "10.0.2.1"));
        assert!(contains("0.0.0.0", 0, "10.0.2.1"));
        assert!(contains("10.0.1.1", 32, "10.0.1.1"));
        assert!(!contains("10.0.1.1", 32, "10.0.1.2"));
        assert!(contains("fd00::1", 64, "fd00::2"));
        assert!(!contains("fd00::1", 64, "fd00:0:0:1::2"));
        assert!(contains("::", 0, "fd00::2"));
        assert!(!contains("0.0.0.0", 0, "fd00::2"));
    }
}
