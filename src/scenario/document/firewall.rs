//! Rules of a firewall as written.

use super::values::{Count, EventRate, PortRange, ScalarValue, Text, Wrong, schema, words};
use crate::scenario::decode::{OneOrMany, document};
use crate::scenario::firewall::{CtState, RejectWith, RuleDirection, RuleProtocol};
use crate::scenario::span::Spanned;
use crate::scenario::suggest;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

document! {
    /// A rule of a firewall: exactly one of `accept`, `drop` and `reject`, with the packets that it matches.
    FirewallRuleDoc, "a rule of `firewall`" {
        /// The name under which its packets are counted: `fw.rules.NAME.packets`.
        "name" => name: Option<Spanned<Text>>,
        /// Lets packets pass; later rules are not looked at. `{}` matches every packet.
        "accept" => accept: Option<RuleMatchDoc>,
        /// Drops packets without an answer.
        "drop" => drop: Option<RuleMatchDoc>,
        /// Drops packets and answers them.
        "reject" => reject: Option<RuleMatchDoc>,
    }
}

document! {
    /// The packets that a rule matches: those for which everything that is given holds. Ports and addresses are
    /// those after DNAT and before SNAT.
    RuleMatchDoc, "the match of a rule" {
        /// Destination port, range of ports, or a list. Without `protocol`, those of both TCP and UDP.
        "port" => port: Option<OneOrMany<PortRange>>,
        /// `tcp`, `udp` or `icmp` (ICMPv6 in an IPv6 lab), or a list.
        "protocol" => protocol: Option<Spanned<OneOrMany<RuleProtocol>>>,
        /// Source: a node (all of its addresses), an address or a prefix, or a list.
        "from" => from: Option<OneOrMany<Spanned<Text>>>,
        /// Destination: a node (all of its addresses), an address or a prefix, or a list.
        "to" => to: Option<OneOrMany<Spanned<Text>>>,
        /// State in connection tracking: `new`, `established`, `related`, `invalid`, `untracked`, or a list.
        "ct" => ct: Option<OneOrMany<CtState>>,
        /// `in` (to the node), `forward` (through it), `out` (from it), or a list. The default is `[in, forward]`.
        "direction" => direction: Option<OneOrMany<RuleDirection>>,
        /// Matches packets up to this rate: `10/s`. What exceeds it goes on to the next rule.
        "limit" => limit: Option<Spanned<EventRate>>,
        /// Matches only the packets that exceed this rate.
        "over" => over: Option<Spanned<EventRate>>,
        /// Packets that `limit` or `over` allow at once. The default is 5.
        "burst" => burst: Option<Spanned<Count>>,
        /// The answer to a rejected packet: `icmp-port-unreachable` (the default), `tcp-reset`,
        /// `icmp-host-unreachable`, `icmp-net-unreachable`, `icmp-admin-prohibited`.
        "with" => with: Option<Spanned<RejectWith>>,
    }
}

words!(CtState, "CtState", "a state of connection tracking", [
    "new" => Self::New,
    "established" => Self::Established,
    "related" => Self::Related,
    "invalid" => Self::Invalid,
    "untracked" => Self::Untracked,
]);
words!(RuleDirection, "RuleDirection", "a direction", [
    "in" => Self::In,
    "forward" => Self::Forward,
    "out" => Self::Out,
]);
words!(RuleProtocol, "RuleProtocol", "`tcp`, `udp` or `icmp`", [
    "tcp" => Self::Tcp,
    "udp" => Self::Udp,
    "icmp" => Self::Icmp,
]);
words!(RejectWith, "RejectWith", "an answer to a rejected packet", [
    "tcp-reset" => Self::TcpReset,
    "icmp-port-unreachable" => Self::IcmpPortUnreachable,
    "icmp-host-unreachable" => Self::IcmpHostUnreachable,
    "icmp-net-unreachable" => Self::IcmpNetUnreachable,
    "icmp-admin-prohibited" => Self::IcmpAdminProhibited,
]);
