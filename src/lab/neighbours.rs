//! Fixed entries for neighbours in large labs.
//!
//! The kernel bounds the neighbours of all namespaces together: it refuses more than 1,024 per protocol that it has
//! looked up itself (`net.ipv4.neigh.default.gc_thresh3`, Linux `net/core/neighbour.c`, `neigh_alloc`), and packets to
//! others are dropped. The setting belongs to the host. Entries with fixed addresses are not counted (since 5.0).

use std::collections::BTreeMap;

use super::plan::{Op, interface_index, mac};
use crate::names::NodeName;
use crate::scenario::topology::{InterfaceSpec, LinkSpec, NodeSpec, Topology};

/// Up to this many links, neighbours are looked up as on any host: a few such labs at once stay below the bound.
const LOOKED_UP: usize = 50;

/// Returns the operations that give both ends of each link the other's address. On a segment, nodes with several links
/// and all others get each other's; the others look each other up.
pub(super) fn neighbours(topology: &Topology) -> Vec<Op> {
    if topology.links.len() <= LOOKED_UP {
        return Vec::new();
    }
    let mut ops = Vec::new();
    let mut segments: BTreeMap<&NodeName, Vec<Port<'_>>> = BTreeMap::new();
    for (number, link) in topology.links.iter().enumerate() {
        let ports = [0, 1].map(|end| Port::of(topology, number, link, end));
        let [Some(a), Some(b)] = ports else { continue };
        match (a.spec.switch, b.spec.switch) {
            (false, false) => {
                ops.extend(a.entries_for(&b));
                ops.extend(b.entries_for(&a));
            }
            (true, false) => segments.entry(a.node).or_default().push(b),
            (false, true) => segments.entry(b.node).or_default().push(a),
            (true, true) => {}
        }
    }
    for ports in segments.values() {
        for (place, router) in ports.iter().enumerate() {
            let others = ports.iter().enumerate();
            for (_, other) in others.filter(|(other, _)| router.has_more_links() && *other != place)
            {
                ops.extend(router.entries_for(other));
                // Another router adds its own.
                if !other.has_more_links() {
                    ops.extend(other.entries_for(router));
                }
            }
        }
    }
    ops
}

/// An end of a link.
struct Port<'a> {
    node: &'a NodeName,
    spec: &'a NodeSpec,
    interface: &'a InterfaceSpec,
    link: usize,
    end: usize,
    index: u32,
}

impl<'a> Port<'a> {
    fn of(topology: &'a Topology, link: usize, spec: &'a LinkSpec, end: usize) -> Option<Self> {
        let node = &spec.between[end];
        let name = &spec.interfaces[end];
        let owner = topology.nodes.get(node)?;
        Some(Self {
            node,
            spec: owner,
            interface: owner.interfaces.get(owner.place_of(name)?)?,
            link,
            end,
            index: interface_index(topology, node, name),
        })
    }

    fn has_more_links(&self) -> bool {
        self.spec.interfaces.len() > 1
    }

    /// Returns the entries on this node for the addresses of a neighbour.
    fn entries_for(&self, other: &Self) -> impl Iterator<Item = Op> {
        let addresses = other.interface.addresses.iter();
        addresses.map(|prefix| Op::Neighbour {
            node: self.node.clone(),
            index: self.index,
            address: prefix.address,
            mac: mac(other.link, other.end),
        })
    }
}
