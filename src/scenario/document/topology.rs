//! Nodes and links as written.

use super::values::{
    Bandwidth, Bytes, Count, Port, PortRange, Share, Shift, SysctlValue, Text, Timespan,
};
use crate::scenario::decode::{Entries, OneOrMany, document};
use crate::scenario::span::Spanned;
use crate::scenario::topology::{Emulation, ImpairedBy, IpVersion};

document! {
    /// A network namespace. It forwards when it has two or more links.
    NodeDoc, "a node" {
        /// Settings of this namespace: key with dots, and value. Where they are not given, a pinned baseline holds.
        "sysctls" => sysctls: Option<Entries<Spanned<SysctlValue>>>,
        /// Bounds on each process that runs on the node.
        "limits" => limits: Option<LimitsDoc>,
        /// The node's connection tracking.
        "conntrack" => conntrack: Option<ConntrackDoc>,
        /// Address translation that the node does.
        "nat" => nat: Option<NatDoc>,
        /// What the lab may emulate where the kernel lacks it; the report says so.
        "emulate" => emulate: Option<OneOrMany<Emulation>>,
        /// How far the node's TCP timestamp clock is shifted, in whole seconds: `+800s`.
        "clock" => clock: Option<Shift>,
        /// `6` for IPv6. One node with it makes the whole scenario IPv6.
        "ip" => ip: Option<Spanned<IpVersion>>,
    }
}

document! {
    /// Bounds on processes.
    LimitsDoc, "`limits`" {
        /// Descriptors that each process may have (`RLIMIT_NOFILE`), 3 to 1048576.
        "nofile" => nofile: Option<Spanned<Count>>,
    }
}

document! {
    /// Connection tracking.
    ConntrackDoc, "`conntrack`" {
        /// How many entries are free in the node's table when the clock starts.
        "room" => room: Option<Spanned<Count>>,
    }
}

document! {
    /// Address translation.
    NatDoc, "`nat`" {
        /// Source address of the outgoing interface, the port kept where it is free.
        "masquerade" => masquerade: Option<MasqueradeDoc>,
        /// Source addresses and ports from a range.
        "snat" => snat: Option<SnatDoc>,
        /// Ports of this node that lead to a server: one, or a list.
        "dnat" => dnat: Option<OneOrMany<DnatDoc>>,
    }
}

document! {
    /// Masquerade.
    MasqueradeDoc, "`masquerade`" {
        /// The node on the way to which packets are translated.
        "toward" => toward: Spanned<Text>,
    }
}

document! {
    /// SNAT.
    SnatDoc, "`snat`" {
        /// The node on the way to which packets are translated.
        "toward" => toward: Spanned<Text>,
        /// How many source addresses, 1 to 154. The default is 1.
        "addresses" => addresses: Option<Spanned<Count>>,
        /// Ports, first to last: `20000-20099`.
        "ports" => ports: Option<PortRange>,
    }
}

document! {
    /// DNAT.
    DnatDoc, "`dnat`" {
        /// The port on this node.
        "port" => port: Spanned<Port>,
        /// The server it leads to, or `NODE:PORT`.
        "to" => to: Spanned<Text>,
    }
}

document! {
    /// A link between two nodes. What it does to packets it does in both directions.
    LinkDoc, "a link" {
        /// The two nodes.
        "between" => between: Spanned<crate::scenario::decode::List<Spanned<Text>>>,
        /// One-way delay.
        "delay" => delay: Option<Timespan>,
        /// Greatest deviation from the delay, either way.
        "jitter" => jitter: Option<Spanned<Timespan>>,
        /// Share of packets that are lost.
        "loss" => loss: Option<Share>,
        /// Bandwidth: `10Mbit/s`.
        "rate" => rate: Option<Bandwidth>,
        /// Bytes that wait in front of the bandwidth.
        "queue" => queue: Option<Spanned<Bytes>>,
        /// Share of packets that skip the delay, and so overtake those before them.
        "reorder" => reorder: Option<Spanned<Share>>,
        /// Share of packets that arrive twice.
        "duplicate" => duplicate: Option<Share>,
        /// Who does that: the lab's own `wire` (the default), or the kernel's `netem`.
        "by" => by: Option<Spanned<ImpairedBy>>,
        /// Largest packet, bytes: 68 to 65535 for IPv4, from 1280 for IPv6.
        "mtu" => mtu: Option<Spanned<Bytes>>,
        /// `6` for IPv6. One link with it makes the whole scenario IPv6.
        "ip" => ip: Option<Spanned<IpVersion>>,
    }
}
