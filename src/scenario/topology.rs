//! The resolved topology of a run: namespaces, links, addresses, routes and NAT.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::fault::FaultSpec;
use super::firewall::FirewallRule;
use super::place::Place;
use crate::names::{IfName, NodeName};
use crate::units::{self, ByteCount, Percent, Rate};

pub use super::nat::{DnatBalance, NatPorts, NatSpec, PortOrder};

/// The IP protocol of a lab.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IpVersion {
    /// IPv4 (the default); IPv6 is off in every namespace.
    #[default]
    V4,
    /// IPv6 on every link.
    V6,
}

/// The settings that nodes start with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Baseline {
    /// Values that are the same on every machine; see `docs/baseline.md`.
    #[default]
    Pinned,
    /// The defaults of the kernel, for its version and the machine's memory, whatever the host has.
    Kernel,
}

impl Baseline {
    fn is_pinned(&self) -> bool {
        *self == Self::Pinned
    }
}

/// Everything that the lab builds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Topology {
    /// The protocol of all addresses.
    pub ip: IpVersion,
    /// The settings that all nodes start with.
    #[serde(default, skip_serializing_if = "Baseline::is_pinned")]
    pub baseline: Baseline,
    /// The namespaces, in the order of the file.
    pub nodes: IndexMap<NodeName, NodeSpec>,
    /// The links, in the order of the file.
    pub links: Vec<LinkSpec>,
}

/// A node of the topology, which is one network namespace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// Per-namespace sysctls that differ from the baseline, in the order of the file.
    pub sysctls: Vec<SysctlSpec>,
    /// Bound on the descriptors of each process on this node (`RLIMIT_NOFILE`, soft and hard).
    pub nofile: Option<u64>,
    /// Number of free entries that its conntrack table is left with.
    pub conntrack_room: Option<u32>,
    /// True if it tracks connections even if nothing else needs that.
    #[serde(default)]
    pub track: bool,
    /// Address translation done by this node.
    pub nat: Vec<NatSpec>,
    /// The rules of its firewall, in order.
    #[serde(default)]
    pub firewall: Vec<FirewallRule>,
    /// Features of other kernels that the lab may emulate here.
    pub emulate: Vec<Emulation>,
    /// Seconds by which its TCP timestamp clock is shifted (virtual machines with kernels before 4.10).
    pub clock_shift: i64,
    /// True for the switch of a segment: a node with a bridge over its interfaces, without addresses.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub switch: bool,
    /// True if the node forwards, which it does if it has two or more links.
    pub forwards: bool,
    /// Its end of each of its links, in the order of the links.
    pub interfaces: Vec<InterfaceSpec>,
    /// Local source addresses in addition to those of the interfaces: one prefix, routed `local` to `lo`.
    pub source_prefix: Option<Prefix>,
    /// Routes to networks that are not directly connected.
    pub routes: Vec<RouteSpec>,
}

impl NodeSpec {
    /// Returns the first address of each interface: those that a `dnat` of the node listens on.
    pub fn own_addresses(&self) -> Vec<IpAddr> {
        let interfaces = self.interfaces.iter();
        let first = interfaces.filter_map(|interface| interface.addresses.first());
        first.map(|prefix| prefix.address).collect()
    }

    /// Returns true if the node tracks connections.
    pub fn tracks(&self) -> bool {
        self.track
            || !self.nat.is_empty()
            || self.conntrack_room.is_some()
            || self.firewall.iter().any(FirewallRule::tracks)
    }

    /// Returns the place of an interface among those of the node.
    pub fn place_of(&self, interface: &IfName) -> Option<usize> {
        let is_at = |place: &usize| {
            let own = self.interfaces.get(*place);
            own.is_some_and(|own| own.name == *interface)
        };
        // `eth3` is the fourth, so that thousands of them are not searched for each.
        let number = interface.as_str().strip_prefix("eth");
        let number = number.and_then(|number| number.parse().ok());
        let search = || (0..self.interfaces.len()).find(is_at);
        number.filter(is_at).or_else(search)
    }

    /// Returns true if the node has a table of rules of its own.
    pub fn has_rules(&self) -> bool {
        self.tracks() || !self.firewall.is_empty()
    }
}

/// A sysctl that a scenario sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SysctlSpec {
    /// Key with dots: `net.ipv4.tcp_tw_reuse`.
    pub key: String,
    /// The value as written to `/proc/sys`.
    pub value: String,
    /// The place in the scenario file that sets it.
    pub place: Place,
}

/// A feature that the lab may emulate if the kernel lacks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Emulation {
    /// `net.ipv4.tcp_tw_recycle` as in Linux 4.9 (removed in Linux 4.12).
    #[serde(rename = "net.ipv4.tcp_tw_recycle")]
    TcpTwRecycle,
}

/// An address with its prefix length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Prefix {
    /// The address, with its host bits.
    pub address: IpAddr,
    /// Length in bits: up to 32 (IPv4) or 128 (IPv6).
    pub length: u8,
}

impl std::fmt::Display for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// A node's end of a link.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InterfaceSpec {
    /// `eth0`, `eth1`, ... in the order of the node's links.
    pub name: IfName,
    /// The link, as an index into [`Topology::links`].
    pub link: usize,
    /// The node at the other end.
    pub peer: NodeName,
    /// The first is the interface's own; the others exist for SNAT with several addresses.
    pub addresses: Vec<Prefix>,
}

/// A route of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteSpec {
    /// The network that the route leads to.
    pub to: Prefix,
    /// The next hop, an address of a neighbour.
    pub via: IpAddr,
    /// The MTU of the route, bytes, if it is not that of the link.
    #[serde(default)]
    pub mtu: Option<u32>,
}

/// A link with two ends, each named by its node. Two nodes may have several links between them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkSpec {
    /// The nodes at its two ends.
    pub between: [NodeName; 2],
    /// The interface at each end.
    pub interfaces: [IfName; 2],
    /// Maximum transmission unit in bytes.
    pub mtu: Option<u32>,
    /// The treatment of packets on the link; empty for a plain veth pair.
    pub impairment: Impairment,
    /// True if packets may carry several TCP segments although the link has a rate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tso: bool,
    /// The component that applies the impairment.
    #[serde(default, skip_serializing_if = "ImpairedBy::is_wire")]
    pub by: ImpairedBy,
    /// Faults of single segments, in the order of the file.
    #[serde(default)]
    pub faults: Vec<FaultSpec>,
    /// True if a step changes the impairment.
    #[serde(default)]
    pub changes: bool,
    /// The place in the scenario file that defines it.
    pub place: Place,
}

impl LinkSpec {
    /// Returns a plain veth pair between two interfaces.
    pub fn plain(between: [NodeName; 2], interfaces: [IfName; 2]) -> Self {
        Self {
            between,
            interfaces,
            mtu: None,
            impairment: Impairment::default(),
            tso: false,
            by: ImpairedBy::default(),
            faults: Vec::new(),
            changes: false,
            place: Place::default(),
        }
    }

    /// Returns the greatest number of TCP segments in a packet (`gso_max_segs`), if it is limited.
    ///
    /// It is one with most impairments (see [`Impairment::wants_segments`]) and with faults: "the third segment" is
    /// meaningless if several travel in one packet. With `tso`, it is what the link sends in a millisecond, as Linux
    /// sizes packets for a paced connection (`tcp_tso_autosize`, `net/ipv4/tcp_output.c`), and at most 64 KiB.
    pub fn max_segments(&self) -> Option<u32> {
        const ETHERNET_HEADER: u32 = 14;
        const MILLISECOND: f64 = 1e-3;
        if self.changes || !self.faults.is_empty() {
            return Some(1);
        }
        match self.impairment.rate {
            Some(rate) if self.tso => {
                let segment = f64::from(self.mtu.unwrap_or(1500) + ETHERNET_HEADER);
                let sent = rate.as_per_second() / 8.0 * MILLISECOND;
                Some((sent.min(65_535.0) / segment).max(1.0) as u32)
            }
            _ => self.impairment.wants_segments().then_some(1),
        }
    }

    /// Returns the part of the impairment that the lab's wire applies.
    pub fn of_wire(&self) -> Impairment {
        match self.by {
            ImpairedBy::Wire => self.impairment.clone(),
            ImpairedBy::Netem => Impairment::default(),
        }
    }

    /// Returns true if packets pass through the userspace wire: because a node at an end emulates something
    /// or has a timestamp clock of its own, or because the link treats packets in some way, now or later.
    fn needs_wire(
        &self,
        nodes: &IndexMap<NodeName, NodeSpec>,
        clocks: &BTreeSet<&NodeName>,
    ) -> bool {
        let emulates = |name| nodes.get(name).is_some_and(|node| !node.emulate.is_empty());
        self.of_wire() != Impairment::default()
            || !self.faults.is_empty()
            || self.changes
            || self
                .between
                .iter()
                .any(|name| clocks.contains(name) || emulates(name))
    }
}

impl Topology {
    /// Returns, for each link, true if packets pass through the userspace wire.
    pub fn wired(&self) -> Vec<bool> {
        let clocks = self.own_clocks();
        let wired = self
            .links
            .iter()
            .map(|link| link.needs_wire(&self.nodes, &clocks));
        wired.collect()
    }

    /// Returns the nodes that take their TCP timestamps from one clock of their own, as hosts did when
    /// `tcp_tw_recycle` existed. These are all hosts if another node emulates that setting. The lab
    /// then sets `net.ipv4.tcp_timestamps` to 2 (one clock, no random offset per connection) unless the
    /// scenario sets it, and its wire shifts that clock.
    pub fn own_clocks(&self) -> BTreeSet<&NodeName> {
        let recycles = |node: &NodeSpec| node.emulate.contains(&Emulation::TcpTwRecycle);
        if !self.nodes.values().any(recycles) {
            return BTreeSet::new();
        }
        let hosts = self
            .nodes
            .iter()
            .filter(|(_, node)| !node.forwards && !recycles(node));
        hosts.map(|(name, _)| name).collect()
    }

    /// Returns true if a node is one of [`Topology::own_clocks`].
    pub fn has_own_clock(&self, name: &NodeName) -> bool {
        self.own_clocks().contains(name)
    }
}

/// The component that applies a link's impairment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImpairedBy {
    /// The lab's own wire, which is seeded and the same on every kernel.
    #[default]
    Wire,
    /// The kernel's netem (tc-netem(8)), at both ends.
    Netem,
}

impl ImpairedBy {
    fn is_wire(&self) -> bool {
        *self == Self::Wire
    }
}

/// Delay, loss and rate of a link, the same in both directions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Impairment {
    /// Delay in each direction.
    #[serde(with = "units::optional_duration")]
    pub delay: Option<Duration>,
    /// Greatest deviation from the delay, either way, uniformly distributed.
    #[serde(with = "units::optional_duration")]
    pub jitter: Option<Duration>,
    /// Probability that a packet is lost.
    pub loss: Option<Percent>,
    /// Bandwidth in bits per second.
    pub rate: Option<Rate>,
    /// Bytes that may wait in front of the rate limit.
    pub queue: Option<ByteCount>,
    /// Probability that a packet skips the delay and so overtakes those before it.
    #[serde(default)]
    pub reorder: Option<Percent>,
    /// Probability that a packet arrives twice.
    #[serde(default)]
    pub duplicate: Option<Percent>,
}

impl Impairment {
    /// Returns true if packets must carry one TCP segment each, because to lose or queue a packet of up
    /// to 64 KiB is not what 1 % or 3,000 bytes mean. The interfaces of both nodes then need
    /// `gso_max_segs` 1 (`IFLA_GSO_MAX_SEGS`), so that the kernel cuts segments before they leave the
    /// node, as it does for plain hardware.
    pub fn wants_segments(&self) -> bool {
        let share = self.loss.or(self.reorder).or(self.duplicate);
        share.is_some() || self.rate.is_some()
    }
}
