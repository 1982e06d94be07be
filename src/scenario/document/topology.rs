//! Nodes and links as written.

use super::values::{
    Bandwidth, Bytes, Count, PortNumber, PortRange, Share, Shift, SysctlValue, Text, Timespan,
};
use crate::scenario::decode::{Entries, OneOrMany, document};
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
        /// Features that the lab may emulate if the kernel lacks them; the report mentions them.
        "emulate" => emulate: Option<OneOrMany<Emulation>>,
        /// Shift of the node's TCP timestamp clock in whole seconds: `+800s`.
        "clock" => clock: Option<Shift>,
        /// `6` for IPv6. One node with it makes the whole scenario IPv6.
        "ip" => ip: Option<Spanned<IpVersion>>,
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
    }
}

document! {
    /// Address translation of a node.
    NatDoc, "`nat`" {
        /// Translates to the source address of the outgoing interface, and keeps the port if it is free.
        "masquerade" => masquerade: Option<MasqueradeDoc>,
        /// Translates to source addresses and ports from a range.
        "snat" => snat: Option<SnatDoc>,
        /// Ports of this node that lead to a server: one, or a list.
        "dnat" => dnat: Option<OneOrMany<DnatDoc>>,
    }
}

document! {
    /// Masquerading of source addresses.
    MasqueradeDoc, "`masquerade`" {
        /// Packets on the way to this node are translated.
        "toward" => toward: Spanned<Text>,
    }
}

document! {
    /// Translation of source addresses (SNAT).
    SnatDoc, "`snat`" {
        /// Packets on the way to this node are translated.
        "toward" => toward: Spanned<Text>,
        /// Number of source addresses, 1 to 154. The default is 1.
        "addresses" => addresses: Option<Spanned<Count>>,
        /// Range of ports: `20000-20099`.
        "ports" => ports: Option<PortRange>,
    }
}

document! {
    /// Translation of a destination (DNAT).
    DnatDoc, "`dnat`" {
        /// The port on this node.
        "port" => port: Spanned<PortNumber>,
        /// The server that the port leads to, or `NODE:PORT`.
        "to" => to: Spanned<Text>,
    }
}

document! {
    /// A link between two nodes. It treats packets the same way in both directions.
    LinkDoc, "a link" {
        /// The nodes at its two ends.
        "between" => between: Spanned<crate::scenario::decode::List<Spanned<Text>>>,
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
        /// The component that does this: the lab's own `wire` (the default), or the kernel's `netem`.
        "by" => by: Option<Spanned<ImpairedBy>>,
        /// Largest packet in bytes: 68 to 65535 for IPv4, from 1280 for IPv6.
        "mtu" => mtu: Option<Spanned<Bytes>>,
        /// `6` for IPv6. One link with it makes the whole scenario IPv6.
        "ip" => ip: Option<Spanned<IpVersion>>,
    }
}
