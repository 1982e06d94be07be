//! Finds the nodes on a connection's path, from the topology alone.

use std::net::{IpAddr, SocketAddr};

use crate::names::NodeName;
use crate::scenario::topology::{InterfaceSpec, NatSpec, NodeSpec, Prefix, Topology};

/// The path from a client to the address that it connects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    /// The nodes, the client's first.
    pub(super) nodes: Vec<NodeName>,
    /// The links between them as indices into the topology's links, one fewer than nodes.
    pub(super) links: Vec<usize>,
}

impl Path {
    /// Follows addresses, routes and destination NAT until no further hop is found.
    pub(super) fn new(topology: &Topology, from: &NodeName, to: SocketAddr) -> Self {
        let mut path = Self {
            nodes: vec![from.clone()],
            links: Vec::new(),
        };
        let mut to = to;
        let mut at = from;
        while let Some(node) = topology.nodes.get(at) {
            if owns(node, to.ip()) {
                // A node's own packets do not pass its translation for arriving packets.
                match translated(node, to.port()).filter(|_| path.nodes.len() > 1) {
                    Some(inner) if !owns(node, inner.ip()) => to = inner,
                    _ => break,
                }
            }
            let Some((interface, hop)) = way_out(node, to.ip()) else {
                break;
            };
            let interface = match topology.nodes.get(&interface.peer) {
                Some(switch) if switch.switch => {
                    path.nodes.push(interface.peer.clone());
                    path.links.push(interface.link);
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
            if path.nodes.contains(&interface.peer) {
                break;
            }
            path.nodes.push(interface.peer.clone());
            path.links.push(interface.link);
            at = &interface.peer;
        }
        path
    }

    /// Returns the index of a node on the path.
    pub(super) fn position(&self, node: &NodeName) -> Option<usize> {
        self.nodes.iter().position(|on_path| on_path == node)
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
