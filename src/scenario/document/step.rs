//! Steps as written.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::nat::DnatDoc;
use super::values::{Bandwidth, Bytes, LinkUp, Share, SysctlValue, Text, Timespan};
use crate::scenario::decode::{Entries, FromNode, List, OneOrMany, document};
use crate::scenario::node::{Node, NodeKind};
use crate::scenario::problem::Collector;
use crate::scenario::span::Spanned;
use crate::scenario::workload::StopHow;

document! {
    /// An action at a given time: exactly one of its other keys.
    StepDoc, "a step" {
        /// Time from the start of the clock.
        "at" => at: Spanned<Timespan>,
        /// Takes the links between two nodes down or up, or changes their impairment, as `impair` does.
        "link" => link: Option<LinkStepDoc>,
        /// Replaces the impairment of the links between two nodes; keys that are not given are as
        /// on a plain link.
        "impair" => impair: Option<ImpairStepDoc>,
        /// Writes sysctls of a node.
        "sysctl" => sysctl: Option<SysctlStepDoc>,
        /// Stops a server, client or command: `web`, or `{ actor: web, how: reset }`.
        "stop" => stop: Option<StopDoc>,
        /// Starts a server that was stopped before: `web`; or a node: `{ node: db }`.
        "start" => start: Option<StartDoc>,
        /// Stops a server and starts it again at once.
        "restart" => restart: Option<Spanned<Text>>,
        /// Empties a connection tracking table: `{ flush: NODE }`.
        "conntrack" => conntrack: Option<ConntrackStepDoc>,
        /// Changes the destination translation of a node: `{ node: lb, dnat: { port: 53, to: dns2 } }`.
        "nat" => nat: Option<NatStepDoc>,
    }
}

/// The actor that is stopped, and the way in which it stops.
#[derive(Debug, Clone)]
pub(crate) enum StopDoc {
    Name(Spanned<Text>),
    Form(StopFormDoc),
}

document! {
    /// The actor that is stopped, and the way in which it stops.
    StopFormDoc, "`stop`" {
        /// The server, client or command.
        "actor" => actor: Option<Spanned<Text>>,
        /// A whole node, as if its power were lost: its peers receive nothing, and it forgets its connections.
        "node" => node: Option<Spanned<Text>>,
        /// `fin` (the default): as if its process were killed. `reset`: its connections end with RST.
        /// `vanish`: its node disappears silently, as if its cable were cut, and everything else on
        /// the node with it.
        "how" => how: Option<Spanned<StopHow>>,
    }
}

impl FromNode for StopDoc {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        if matches!(node.kind, NodeKind::Mapping(_)) {
            StopFormDoc::from_node(node, cx).map(Self::Form)
        } else {
            Spanned::from_node(node, cx).map(Self::Name)
        }
    }
}

impl JsonSchema for StopDoc {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Stop".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let name = generator.subschema_for::<Text>();
        let form = generator.subschema_for::<StopFormDoc>();
        json_schema!({ "if": { "type": "object" }, "then": form, "else": name })
    }
}

/// The server or node that is started.
#[derive(Debug, Clone)]
pub(crate) enum StartDoc {
    Name(Spanned<Text>),
    Form(StartFormDoc),
}

document! {
    /// The node that is started.
    StartFormDoc, "`start`" {
        /// A node that was stopped before: its servers listen again, and it has no connections.
        "node" => node: Spanned<Text>,
    }
}

impl FromNode for StartDoc {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        if matches!(node.kind, NodeKind::Mapping(_)) {
            StartFormDoc::from_node(node, cx).map(Self::Form)
        } else {
            Spanned::from_node(node, cx).map(Self::Name)
        }
    }
}

impl JsonSchema for StartDoc {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Start".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let name = generator.subschema_for::<Text>();
        let form = generator.subschema_for::<StartFormDoc>();
        json_schema!({ "anyOf": [name, form] })
    }
}

document! {
    /// A change of connection tracking.
    ConntrackStepDoc, "`conntrack`" {
        /// The node whose table is emptied.
        "flush" => flush: Spanned<Text>,
    }
}

document! {
    /// A change of address translation. Connections that are tracked already keep theirs.
    NatStepDoc, "`nat`" {
        /// The node that translates.
        "node" => node: Spanned<Text>,
        /// Ports with their new servers: one, or a list. Other ports stay as they are.
        "dnat" => dnat: OneOrMany<DnatDoc>,
    }
}

document! {
    /// A change of the state or of the impairment of links. In an impairment, keys that are not given are as
    /// on a plain link.
    LinkStepDoc, "`link`" {
        /// The nodes at the ends of the links.
        "between" => between: Spanned<List<Spanned<Text>>>,
        /// The new state: `up` or `down`.
        "state" => state: Option<LinkUp>,
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
    }
}

document! {
    /// A change of the impairment of links.
    ImpairStepDoc, "`impair`" {
        /// The nodes at the ends of the links.
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
    }
}

/// `sysctl: { node: a, net.ipv4.tcp_fin_timeout: 10 }`.
#[derive(Debug, Clone)]
pub(crate) struct SysctlStepDoc {
    pub(crate) node: Spanned<Text>,
    pub(crate) settings: Entries<Spanned<SysctlValue>>,
}

impl FromNode for SysctlStepDoc {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        let settings = Node {
            kind: match &node.kind {
                NodeKind::Mapping(entries) => NodeKind::Mapping(
                    entries
                        .iter()
                        .filter(|entry| entry.key.text != "node")
                        .cloned()
                        .collect(),
                ),
                other => other.clone(),
            },
            ..*node
        };
        let settings = Entries::from_node(&settings, cx)?;
        let Some(on) = node.get("node") else {
            cx.error(node.head, "`sysctl` has no `node`")
                .help("write `sysctl: { node: NAME, net.ipv4.tcp_fin_timeout: 10 }`");
            return None;
        };
        Some(Self {
            node: Spanned::from_node(on, cx)?,
            settings,
        })
    }
}

impl JsonSchema for SysctlStepDoc {
    fn schema_name() -> Cow<'static, str> {
        "SysctlStep".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let name = generator.subschema_for::<Text>();
        let value = generator.subschema_for::<SysctlValue>();
        json_schema!({
            "description": "Sysctls of a node: `node`, and each key with its new value.",
            "type": "object",
            "properties": { "node": name },
            "required": ["node"],
            "additionalProperties": value,
        })
    }
}
