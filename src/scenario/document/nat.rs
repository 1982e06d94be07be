//! Address translation as written.

use super::values::{Count, PortNumber, PortRange, ScalarValue, Text, Wrong, schema, words};
use crate::scenario::decode::{OneOrMany, document};
use crate::scenario::span::Spanned;
use crate::scenario::suggest;
use crate::scenario::topology::{DnatBalance, PortOrder};
use crate::scenario::workload::Protocol;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

document! {
    /// Address translation of a node.
    NatDoc, "`nat`" {
        /// Translates to the source address of the outgoing interface, and keeps the port if it is free.
        "masquerade" => masquerade: Option<MasqueradeDoc>,
        /// Translates to source addresses and ports from a range.
        "snat" => snat: Option<SnatDoc>,
        /// Ports of this node that lead to servers: one, or a list.
        "dnat" => dnat: Option<OneOrMany<DnatDoc>>,
    }
}

document! {
    /// Masquerading of source addresses.
    MasqueradeDoc, "`masquerade`" {
        /// Packets on the way to this node are translated.
        "toward" => toward: Spanned<Text>,
        /// Range of ports, or the order in which they are tried: `random`, `fully-random`, `persistent`; or both,
        /// as a list.
        "ports" => ports: Option<Spanned<OneOrMany<PortsWord>>>,
    }
}

document! {
    /// Translation of source addresses (SNAT).
    SnatDoc, "`snat`" {
        /// Packets on the way to this node are translated.
        "toward" => toward: Spanned<Text>,
        /// Number of source addresses, 1 to 154. The default is 1.
        "addresses" => addresses: Option<Spanned<Count>>,
        /// Range of ports, `20000-20099`, or the order in which they are tried: `random`, `fully-random`,
        /// `persistent`; or both, as a list.
        "ports" => ports: Option<Spanned<OneOrMany<PortsWord>>>,
        /// Ports that each client gets for itself, as carrier-grade NAT gives them out: the first client
        /// gets the first block of `ports`.
        "block" => block: Option<Spanned<Count>>,
    }
}

document! {
    /// Translation of a destination (DNAT).
    DnatDoc, "`dnat`" {
        /// The port on this node.
        "port" => port: Spanned<PortNumber>,
        /// The server that the port leads to, or `NODE:PORT`; or a list of them.
        "to" => to: OneOrMany<Spanned<Text>>,
        /// `tcp` or `udp`. The default is the protocol of the server.
        "protocol" => protocol: Option<Spanned<Protocol>>,
        /// The choice between several servers, once per connection: `round-robin` (the default), `random`, or
        /// `hash` of the client's address.
        "by" => by: Option<Spanned<DnatBalance>>,
    }
}

/// A range of ports, or the order in which ports are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PortsWord {
    Range(PortRange),
    Order(PortOrder),
}

impl ScalarValue for PortsWord {
    const WHAT: &'static str = "a range of ports, `random`, `fully-random` or `persistent`";
    fn parse(text: &str) -> Result<Self, Wrong> {
        let words = ["random", "fully-random", "persistent"];
        Ok(match text.trim() {
            "random" => Self::Order(PortOrder::Random),
            "fully-random" => Self::Order(PortOrder::FullyRandom),
            "persistent" => Self::Order(PortOrder::Persistent),
            other if other.starts_with(|first: char| first.is_ascii_alphabetic()) => {
                return Err(Wrong::new(
                    "",
                    suggest::did_you_mean(other, words).unwrap_or_default(),
                ));
            }
            range => Self::Range(PortRange::parse(range)?),
        })
    }
}
schema!(PortsWord, "PortsWord", { "anyOf": [
    { "enum": ["random", "fully-random", "persistent"] },
    { "type": ["string", "integer"], "pattern": r"^(\$.+|[0-9]+(-[0-9]+)?)$" },
] });

words!(DnatBalance, "DnatBalance", "a choice between servers", [
    "round-robin" => Self::RoundRobin,
    "random" => Self::Random,
    "hash" => Self::Hash,
]);
