//! The plan of a lab: a list of operations, computed purely from the topology and printed by `nslab run --plan`.
//!
//! Not here: its execution (`apply`).

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::neighbours::neighbours;
use crate::names::{IfName, NodeName};
use crate::scenario::Place;
use crate::scenario::fault::FaultSpec;
use crate::scenario::firewall::FirewallRule;
use crate::scenario::topology::{
    Baseline, Emulation, ImpairedBy, Impairment, InterfaceSpec, IpVersion, LinkSpec, NatSpec,
    NodeSpec, Prefix, Topology,
};

/// Index of the lab's first interface in a namespace. `lo` has 1, and if tunnels are built into the kernel, each
/// new namespace has some (`tunl0`, `sit0`, `gre0` and at most ten others; Linux 6.18, `net_has_fallback_tunnels`).
const FIRST_INDEX: u32 = 64;

/// A namespace of the lab.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Site {
    /// The namespace of a node.
    Node(NodeName),
    /// The namespace in which all wires of the lab end.
    Wire,
}

/// A namespace to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct NamespaceOp {
    pub site: Site,
    /// The protocol of its addresses; with IPv4, IPv6 is turned off.
    pub ip: IpVersion,
    pub baseline: Baseline,
    pub forwards: bool,
    /// True if it tracks connections. If so, the baseline also covers the conntrack settings.
    pub conntrack: bool,
    /// True if programs may bind to addresses that no interface has (IPv6 sources from a local prefix).
    pub nonlocal_bind: bool,
}

/// One end of a veth pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PlannedEnd {
    pub site: Site,
    pub interface: IfName,
    pub index: u32,
    /// A locally administered address (IEEE 802, bit 1 of the first byte), derived from the numbers of link and end.
    pub mac: [u8; 6],
}

/// One end of a wire: an interface in the wires' namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct WireSide {
    pub interface: IfName,
    /// The node at the other end of the interface's veth pair.
    pub node: NodeName,
    /// The settings that the wire may emulate for that node.
    pub emulate: Vec<Emulation>,
}

/// An operation of a plan. It is printed as one line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Op {
    /// Creates a namespace at the baseline.
    Namespace(NamespaceOp),
    /// Creates a veth pair, both ends up in their namespaces.
    Veth {
        /// Index into the topology's links.
        link: usize,
        ends: [PlannedEnd; 2],
        /// Maximum transmission unit, bytes, if the scenario sets one.
        mtu: Option<u32>,
        /// The greatest number of TCP segments in a packet, if it is limited.
        max_segments: Option<u32>,
    },
    /// Creates a bridge over all interfaces of a node, and takes it up.
    Bridge {
        node: NodeName,
        interface: IfName,
        index: u32,
        /// Name and index of each interface.
        ports: Vec<(IfName, u32)>,
    },
    /// Makes the kernel's netem impair packets that leave an interface.
    Netem {
        node: NodeName,
        interface: IfName,
        index: u32,
        impairment: Impairment,
    },
    /// Adds an address to an interface.
    Address {
        node: NodeName,
        interface: IfName,
        index: u32,
        prefix: Prefix,
    },
    /// Makes every address of a prefix an address of the node.
    Local { node: NodeName, prefix: Prefix },
    /// Adds a route through a neighbour.
    Route {
        node: NodeName,
        to: Prefix,
        via: IpAddr,
        /// Maximum transmission unit, bytes, if it is not that of the link.
        mtu: Option<u32>,
    },
    /// Fixes the link-layer address of a neighbour.
    Neighbour {
        node: NodeName,
        /// Index of the interface to the neighbour.
        index: u32,
        address: IpAddr,
        mac: [u8; 6],
    },
    /// Writes a setting and reads it back.
    Sysctl {
        node: NodeName,
        key: String,
        value: String,
        place: Place,
        /// The wire's emulation, used if the kernel does not have the setting.
        emulate: Option<Emulation>,
    },
    /// Sets up address translation, connection tracking and firewall in one transaction.
    Rules {
        node: NodeName,
        ip: IpVersion,
        tracks: bool,
        nat: Vec<NatSpec>,
        /// The node's own addresses, at which its forwarded ports can be reached.
        own: Vec<IpAddr>,
        firewall: Vec<FirewallRule>,
    },
    /// Leaves exactly this many free entries in the node's conntrack table.
    Room { node: NodeName, room: u32 },
    /// Connects two interfaces in the wires' namespace.
    Wire {
        /// Index into the topology's links.
        link: usize,
        /// Both ends, in the order of the link's nodes.
        ends: [WireSide; 2],
        impairment: Impairment,
        faults: Vec<FaultSpec>,
    },
    /// Limits the descriptors of each process on a node.
    Limit {
        node: NodeName,
        /// `RLIMIT_NOFILE`, soft and hard.
        nofile: u64,
    },
}

/// The operations that build a lab, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct LabPlan {
    pub ops: Vec<Op>,
}

/// With value 2, timestamps have no random offset for each connection (`ip-sysctl.rst`, `tcp_timestamps`).
const TIMESTAMPS: &str = "net.ipv4.tcp_timestamps";

/// Returns the plan of a topology. The same topology always gives the same plan.
pub fn plan(topology: &Topology) -> LabPlan {
    let mut ops: Vec<Op> = topology
        .nodes
        .iter()
        .map(|(name, node)| namespace(topology, name, node))
        .collect();
    let (wired, clocks) = (topology.wired(), topology.own_clocks());
    if wired.contains(&true) {
        ops.push(Op::Namespace(NamespaceOp {
            site: Site::Wire,
            ip: IpVersion::V4,
            baseline: topology.baseline,
            forwards: false,
            conntrack: false,
            nonlocal_bind: false,
        }));
    }
    let mut wire_index = FIRST_INDEX;
    for (number, (link, wired)) in topology.links.iter().zip(&wired).enumerate() {
        let wire_index = wired.then_some(&mut wire_index);
        ops.extend(link_ops(topology, number, link, wire_index));
    }
    for (name, node) in &topology.nodes {
        ops.extend(bridge(name, node));
        ops.extend(addresses(name, node));
        ops.extend(routes(name, node));
    }
    ops.extend(neighbours(topology));
    for (name, node) in &topology.nodes {
        ops.extend(own_clock(&clocks, name, node));
        ops.extend(settings(name, node));
        ops.extend(rules(topology.ip, name, node));
    }
    for (name, node) in &topology.nodes {
        ops.extend(node.conntrack_room.map(|room| Op::Room {
            node: name.clone(),
            room,
        }));
    }
    for (number, (link, wired)) in topology.links.iter().zip(&wired).enumerate() {
        ops.extend(wired.then(|| wire(topology, number, link)));
    }
    for (name, node) in &topology.nodes {
        ops.extend(node.nofile.map(|nofile| Op::Limit {
            node: name.clone(),
            nofile,
        }));
    }
    LabPlan { ops }
}

fn namespace(topology: &Topology, name: &NodeName, node: &NodeSpec) -> Op {
    let ip = topology.ip;
    Op::Namespace(NamespaceOp {
        site: Site::Node(name.clone()),
        ip,
        baseline: topology.baseline,
        forwards: node.forwards,
        conntrack: node.tracks(),
        nonlocal_bind: ip == IpVersion::V6 && node.source_prefix.is_some(),
    })
}

/// Returns the bridge of a segment's switch.
fn bridge(name: &NodeName, node: &NodeSpec) -> Option<Op> {
    let ports = node.interfaces.iter().enumerate();
    node.switch.then(|| Op::Bridge {
        node: name.clone(),
        interface: IfName::from("br0"),
        index: index(node.interfaces.len()),
        ports: ports
            .map(|(position, port)| (port.name.clone(), index(position)))
            .collect(),
    })
}

/// Returns the operations of a link. A link is one veth pair, or two pairs connected by a wire, whose interfaces have
/// the indices from `wire_index` on.
fn link_ops(
    topology: &Topology,
    number: usize,
    link: &LinkSpec,
    wire_index: Option<&mut u32>,
) -> Vec<Op> {
    let nodes = [0, 1].map(|end| PlannedEnd {
        site: Site::Node(link.between[end].clone()),
        interface: link.interfaces[end].clone(),
        index: interface_index(topology, &link.between[end], &link.interfaces[end]),
        mac: mac(number, end),
    });
    let veth = |ends| Op::Veth {
        link: number,
        ends,
        mtu: link.mtu,
        max_segments: link.max_segments(),
    };
    let netem = netem_ops(topology, link);
    let Some(wire_index) = wire_index else {
        return [vec![veth(nodes)], netem].concat();
    };
    let veths = nodes
        .into_iter()
        .enumerate()
        .map(|(end, node)| {
            let side = PlannedEnd {
                site: Site::Wire,
                interface: wire_interface(number, end),
                index: *wire_index,
                mac: mac(number, end + 2),
            };
            *wire_index += 1;
            veth([node, side])
        })
        .collect();
    [veths, netem].concat()
}

/// Returns the netem operations for both ends of a link that uses netem.
fn netem_ops(topology: &Topology, link: &LinkSpec) -> Vec<Op> {
    let ends = link.between.iter().zip(&link.interfaces);
    ends.filter(|_| link.by == ImpairedBy::Netem)
        .map(|(node, interface)| Op::Netem {
            node: node.clone(),
            interface: interface.clone(),
            index: interface_index(topology, node, interface),
            impairment: link.impairment.clone(),
        })
        .collect()
}

/// Returns the name of a wire's end, `w0a` or `w0b`: at most 12 bytes (`IFNAMSIZ` - 1 is 15).
fn wire_interface(link: usize, end: usize) -> IfName {
    IfName::new(format!("w{link}{}", ["a", "b"][end]))
}

pub(super) fn interface_index(topology: &Topology, node: &NodeName, interface: &IfName) -> u32 {
    let spec = topology.nodes.get(node);
    index(
        spec.and_then(|spec| spec.place_of(interface))
            .unwrap_or_default(),
    )
}

/// Returns the index of the interface at a position of a node's list.
fn index(position: usize) -> u32 {
    FIRST_INDEX + u32::try_from(position).unwrap_or_default()
}

pub(super) fn mac(link: usize, end: usize) -> [u8; 6] {
    let [.., a, b, c, d] = link.to_be_bytes();
    [0x02, a, b, c, d, u8::try_from(end).unwrap_or_default()]
}

fn addresses(name: &NodeName, node: &NodeSpec) -> Vec<Op> {
    let of = |(position, interface): (usize, &InterfaceSpec)| {
        let index = index(position);
        let prefixes = interface.addresses.clone();
        let (node, interface) = (name.clone(), interface.name.clone());
        prefixes.into_iter().map(move |prefix| Op::Address {
            node: node.clone(),
            interface: interface.clone(),
            index,
            prefix,
        })
    };
    let mut ops: Vec<Op> = node.interfaces.iter().enumerate().flat_map(of).collect();
    ops.extend(node.source_prefix.map(|prefix| Op::Local {
        node: name.clone(),
        prefix,
    }));
    ops
}

fn routes(name: &NodeName, node: &NodeSpec) -> impl Iterator<Item = Op> {
    node.routes.iter().map(|route| Op::Route {
        node: name.clone(),
        to: route.to,
        via: route.via,
        mtu: route.mtu,
    })
}

/// Turns off the random offsets of timestamps on a host whose peer recycles TIME_WAIT by timestamps.
fn own_clock(clocks: &BTreeSet<&NodeName>, name: &NodeName, node: &NodeSpec) -> Option<Op> {
    let chosen = node.sysctls.iter().any(|sysctl| sysctl.key == TIMESTAMPS);
    (clocks.contains(name) && !chosen).then(|| Op::Sysctl {
        node: name.clone(),
        key: TIMESTAMPS.to_owned(),
        value: "2".to_owned(),
        place: Place::default(),
        emulate: None,
    })
}

fn settings(name: &NodeName, node: &NodeSpec) -> impl Iterator<Item = Op> {
    node.sysctls.iter().map(|sysctl| Op::Sysctl {
        node: name.clone(),
        key: sysctl.key.clone(),
        value: sysctl.value.clone(),
        place: sysctl.place,
        emulate: node
            .emulate
            .iter()
            .copied()
            .find(|emulation| emulated_key(*emulation) == sysctl.key),
    })
}

/// Returns the setting that an emulation stands in for.
pub(crate) fn emulated_key(emulation: Emulation) -> &'static str {
    match emulation {
        Emulation::TcpTwRecycle => "net.ipv4.tcp_tw_recycle",
    }
}

fn rules(ip: IpVersion, name: &NodeName, node: &NodeSpec) -> Option<Op> {
    node.has_rules().then(|| Op::Rules {
        node: name.clone(),
        ip,
        tracks: node.tracks(),
        firewall: node.firewall.clone(),
        nat: node.nat.clone(),
        own: node.own_addresses(),
    })
}

fn wire(topology: &Topology, number: usize, link: &LinkSpec) -> Op {
    let ends = [0, 1].map(|end| WireSide {
        interface: wire_interface(number, end),
        node: link.between[end].clone(),
        emulate: topology
            .nodes
            .get(&link.between[end])
            .map(|node| node.emulate.clone())
            .unwrap_or_default(),
    });
    Op::Wire {
        link: number,
        ends,
        impairment: link.of_wire(),
        faults: link.faults.clone(),
    }
}
