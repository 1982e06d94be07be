//! Nodes and links as written.

use super::firewall::FirewallRuleDoc;
use super::nat::NatDoc;
use super::values::{Bandwidth, Bytes, Count, Share, Shift, Switch, SysctlValue, Text, Timespan};
use crate::scenario::decode::{Entries, List, OneOrMany, document};
use crate::scenario::span::Spanned;
use crate::scenario::topology::{Emulation, ImpairedBy, IpVersion};

document! {
    /// A network namespace. It forwards if it has two or more links.
    NodeDoc, "a node" {
        /// Sysctls of this namespace: key with dots, and value. The others have the values
        /// of a pinned baseline.
        "sysctls" => sysctls: Option<Entries<Spanned<SysctlValue>>>,
        /// Limits of each process that runs on the node.
        "limits" => limits: Option<LimitsDoc>,
        /// The node's connection tracking.
        "conntrack" => conntrack: Option<ConntrackDoc>,
        /// Address translation that the node does.
        "nat" => nat: Option<NatDoc>,
        /// Rules for packets to the node and through it, in order; the first that matches decides.
        /// Packets that no rule matches are accepted.
        "firewall" => firewall: Option<List<FirewallRuleDoc>>,
        /// Routes that replace those of the shortest path.
        "routes" => routes: Option<List<RouteDoc>>,
        /// Features that the lab may emulate if the kernel lacks them; the report mentions them.
        "emulate" => emulate: Option<OneOrMany<Emulation>>,
        /// Shift of the node's TCP timestamp clock in whole seconds: `+800s`.
        "clock" => clock: Option<Shift>,
        /// `6` for IPv6. One node with it makes the whole scenario IPv6.
        "ip" => ip: Option<Spanned<IpVersion>>,
    }
}

document! {
    /// A route to the addresses of a node.
    RouteDoc, "a route" {
        /// The node that the packets are for.
        "to" => to: Spanned<Text>,
        /// The neighbour that they are sent to first.
        "via" => via: Spanned<Text>,
        /// Largest packet in bytes on this route, as the tunnel behind it needs; by default, that of the link.
        "mtu" => mtu: Option<Spanned<Bytes>>,
    }
}

document! {
    /// Limits of each process on a node.
    LimitsDoc, "`limits`" {
        /// Number of descriptors that each process may have (`RLIMIT_NOFILE`), 7 to 1048576.
        "nofile" => nofile: Option<Spanned<Count>>,
    }
}

document! {
    /// Settings of connection tracking.
    ConntrackDoc, "`conntrack`" {
        /// Number of free entries in the node's table when the clock starts.
        "room" => room: Option<Spanned<Count>>,
        /// `true` tracks connections, even if the node neither translates addresses nor has a rule with `ct`.
        "track" => track: Option<Switch>,
    }
}

document! {
    /// A link between two nodes. It treats packets the same way in both directions.
    LinkDoc, "a link" {
        /// The nodes at its two ends.
        "between" => between: Spanned<List<Spanned<Text>>>,
        /// Delay in each direction.
        "delay" => delay: Option<Timespan>,
        /// Greatest deviation from the delay, either way.
        "jitter" => jitter: Option<Spanned<Timespan>>,
        /// Percentage of packets that are lost.
        "loss" => loss: Option<Share>,
        /// Bandwidth in each direction: `10Mbit/s`.
        "rate" => rate: Option<Bandwidth>,
        /// Bytes that may wait in front of the bandwidth limit.
        "queue" => queue: Option<Spanned<Bytes>>,
        /// Percentage of packets that skip the delay and so overtake those before them.
        "reorder" => reorder: Option<Spanned<Share>>,
        /// Percentage of packets that arrive twice.
        "duplicate" => duplicate: Option<Share>,
        /// `true` lets packets carry several TCP segments, as with TCP segmentation offload (`ethtool -K eth0 tso on`):
        /// as many as the link sends in a millisecond.
        "tso" => tso: Option<Spanned<Switch>>,
        /// The component that does this: the lab's own `wire` (the default), or the kernel's `netem`.
        "by" => by: Option<Spanned<ImpairedBy>>,
        /// Largest packet in bytes: 68 to 65535 for IPv4, from 1280 for IPv6.
        "mtu" => mtu: Option<Spanned<Bytes>>,
        /// `6` for IPv6. One link with it makes the whole scenario IPv6.
        "ip" => ip: Option<Spanned<IpVersion>>,
    }
}
