//! The topology as meant: namespaces, links, addresses, routes, NAT.

use std::net::IpAddr;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::fault::FaultSpec;
use super::place::Place;
use crate::names::{IfName, NodeName};
use crate::units::{self, ByteCount, Percent, Rate};

/// Which protocol the lab speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IpVersion {
    /// IPv4 (the default); IPv6 is off in every namespace.
    #[default]
    V4,
    /// IPv6.
    V6,
}

/// Everything the lab builds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Topology {
    /// The protocol of all addresses.
    pub ip: IpVersion,
    /// The namespaces, in the order of the file.
    pub nodes: IndexMap<NodeName, NodeSpec>,
    /// The links, in the order of the file.
    pub links: Vec<LinkSpec>,
}

/// One namespace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// Per-namespace sysctls that differ from the baseline, in the order of the file: key with dots.
    pub sysctls: Vec<SysctlSpec>,
    /// Bound on descriptors of each process on this node (`RLIMIT_NOFILE`, soft and hard), where given.
    pub nofile: Option<u64>,
    /// Free entries that its conntrack table is left with, where given.
    pub conntrack_room: Option<u32>,
    /// Translation done by this node.
    pub nat: Vec<NatSpec>,
    /// Features of other kernels that the lab may emulate here.
    pub emulate: Vec<Emulation>,
    /// Seconds by which its TCP timestamp clock is shifted (virtual machines with kernels before 4.10).
    pub clock_shift: i64,
    /// Whether it forwards: it has two or more links.
    pub forwards: bool,
    /// Its end of each of its links, in the order of the links.
    pub interfaces: Vec<InterfaceSpec>,
    /// Local source addresses beyond those of the interfaces: one prefix, routed `local` to `lo`.
    pub source_prefix: Option<Prefix>,
    /// Routes to what is not directly connected.
    pub routes: Vec<RouteSpec>,
}

/// A sysctl that a scenario sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SysctlSpec {
    /// The key, spelled with dots: `net.ipv4.tcp_tw_reuse`.
    pub key: String,
    /// The value as it is written to the file under `/proc/sys`.
    pub value: String,
    /// Where the scenario says so.
    pub place: Place,
}

/// What the lab may emulate where the kernel lacks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Emulation {
    /// `net.ipv4.tcp_tw_recycle` as Linux 4.9 had it (gone since 4.12).
    #[serde(rename = "net.ipv4.tcp_tw_recycle")]
    TcpTwRecycle,
}

/// An address with its prefix length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Prefix {
    /// The address; its host bits are kept.
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
    /// Index into [`Topology::links`].
    pub link: usize,
    /// The node at the other end.
    pub peer: NodeName,
    /// The first is the interface's own; the others are there for SNAT with several addresses.
    pub addresses: Vec<Prefix>,
}

/// A route of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteSpec {
    /// Where to.
    pub to: Prefix,
    /// Next hop, an address of a neighbour.
    pub via: IpAddr,
}

/// A link: two ends, each named by its node. A node may have several links, also to the same neighbour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkSpec {
    /// The two nodes.
    pub between: [NodeName; 2],
    /// Each end's interface.
    pub interfaces: [IfName; 2],
    /// Maximum transmission unit, bytes.
    pub mtu: Option<u32>,
    /// What the link does to packets; all absent on a plain veth pair.
    pub impairment: Impairment,
    /// Who does it.
    #[serde(default, skip_serializing_if = "ImpairedBy::is_wire")]
    pub by: ImpairedBy,
    /// What happens to single segments, in the order of the file.
    #[serde(default)]
    pub faults: Vec<FaultSpec>,
    /// Whether a step changes what the link does to packets.
    #[serde(default)]
    pub changes: bool,
    /// Where the scenario says so.
    pub place: Place,
}

impl LinkSpec {
    /// Whether packets must come one TCP segment each: see [`Impairment::wants_segments`]. The third segment means nothing
    /// either where several come as one.
    pub fn wants_segments(&self) -> bool {
        self.impairment.wants_segments() || !self.faults.is_empty() || self.changes
    }

    /// What the lab's wire does to packets.
    pub fn of_wire(&self) -> Impairment {
        match self.by {
            ImpairedBy::Wire => self.impairment.clone(),
            ImpairedBy::Netem => Impairment::default(),
        }
    }

    /// Whether packets pass through the userspace wire: a node at an end emulates something or has a timestamp clock of
    /// its own, or something happens to packets, now or later.
    pub fn needs_wire(&self, topology: &Topology) -> bool {
        self.of_wire() != Impairment::default()
            || !self.faults.is_empty()
            || self.changes
            || self.between.iter().any(|name| {
                topology.has_own_clock(name)
                    || topology
                        .nodes
                        .get(name)
                        .is_some_and(|node| !node.emulate.is_empty())
            })
    }
}

impl Topology {
    /// Whether a node's TCP timestamps come from one clock of its own, as they did when hosts had `tcp_tw_recycle`: so it
    /// is for each host where another node emulates that. The lab then sets `net.ipv4.tcp_timestamps` to 2 (one clock,
    /// no random offset for each connection) unless the scenario sets it, and its wire shifts that clock.
    pub fn has_own_clock(&self, name: &NodeName) -> bool {
        let recycles = |node: &NodeSpec| node.emulate.contains(&Emulation::TcpTwRecycle);
        self.nodes
            .get(name)
            .is_some_and(|node| !node.forwards && !recycles(node))
            && self.nodes.values().any(recycles)
    }
}

/// Who does to packets what a link does to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImpairedBy {
    /// The lab's own wire: seeded, and the same on every kernel.
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
    /// One-way delay.
    #[serde(with = "units::optional_duration")]
    pub delay: Option<Duration>,
    /// Greatest deviation from the delay, either way, uniformly distributed.
    #[serde(with = "units::optional_duration")]
    pub jitter: Option<Duration>,
    /// Probability that a packet is lost.
    pub loss: Option<Percent>,
    /// Bandwidth, in bits a second.
    pub rate: Option<Rate>,
    /// Bytes that wait in front of the rate limit.
    pub queue: Option<ByteCount>,
    /// Probability that a packet skips the delay, and so overtakes those before it.
    #[serde(default)]
    pub reorder: Option<Percent>,
    /// Probability that a packet arrives twice.
    #[serde(default)]
    pub duplicate: Option<Percent>,
}

impl Impairment {
    /// Whether packets must come one TCP segment each for it to mean what it says: losing or queueing one of up to 64 KiB is
    /// not what 1 % or 3,000 bytes mean. Then both nodes' interfaces need `gso_max_segs` 1 (`IFLA_GSO_MAX_SEGS`): the kernel
    /// then cuts segments before they leave the node, as it does for plain hardware.
    pub fn wants_segments(&self) -> bool {
        let share = self.loss.or(self.reorder).or(self.duplicate);
        share.is_some() || self.rate.is_some()
    }
}

/// One kind of address translation on a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum NatSpec {
    /// Source address of the outgoing interface, port kept where free.
    Masquerade {
        /// The outgoing interface.
        out: IfName,
    },
    /// Source addresses and ports from a range.
    Snat {
        /// The outgoing interface.
        out: IfName,
        /// First and last address; both are on the outgoing interface.
        addresses: [IpAddr; 2],
        /// First and last port, where bounded.
        ports: Option<[u16; 2]>,
    },
    /// A port of this node leads to a server.
    Dnat {
        /// The port on this node.
        port: u16,
        /// Where it leads.
        to: std::net::SocketAddr,
    },
}
