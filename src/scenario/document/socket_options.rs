//! Socket options as written: the kernel's names, with values in units.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::values::Text;
use crate::scenario::decode::{Entries, FromNode};
use crate::scenario::node::Node;
use crate::scenario::problem::Collector;
use crate::scenario::span::Spanned;

/// The form of an option's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OptionForm {
    /// `true` or `false`.
    Switch,
    /// A duration, which the kernel takes in milliseconds.
    Millis,
    /// A duration, which the kernel takes in whole seconds.
    Seconds,
    /// A number of bytes.
    Bytes,
    /// A number.
    Number,
    /// A name.
    Name,
}

/// Options that can be set, with the forms of their values: those of tcp(7), socket(7) and ip(7) that change what a
/// peer or the kernel's counters see.
pub(crate) const OPTIONS: [(&str, OptionForm); 25] = [
    ("SO_KEEPALIVE", OptionForm::Switch),
    ("SO_LINGER", OptionForm::Seconds),
    ("SO_RCVBUF", OptionForm::Bytes),
    ("SO_REUSEADDR", OptionForm::Switch),
    ("SO_REUSEPORT", OptionForm::Switch),
    ("SO_SNDBUF", OptionForm::Bytes),
    ("TCP_CONGESTION", OptionForm::Name),
    ("TCP_DEFER_ACCEPT", OptionForm::Seconds),
    ("TCP_FASTOPEN", OptionForm::Number),
    ("TCP_FASTOPEN_CONNECT", OptionForm::Switch),
    ("TCP_KEEPCNT", OptionForm::Number),
    ("TCP_KEEPIDLE", OptionForm::Seconds),
    ("TCP_KEEPINTVL", OptionForm::Seconds),
    ("TCP_LINGER2", OptionForm::Seconds),
    ("TCP_MAXSEG", OptionForm::Bytes),
    ("TCP_NODELAY", OptionForm::Switch),
    ("TCP_NOTSENT_LOWAT", OptionForm::Bytes),
    ("TCP_QUICKACK", OptionForm::Switch),
    ("TCP_SYNCNT", OptionForm::Number),
    ("TCP_THIN_LINEAR_TIMEOUTS", OptionForm::Switch),
    ("TCP_USER_TIMEOUT", OptionForm::Millis),
    ("TCP_WINDOW_CLAMP", OptionForm::Bytes),
    ("IP_BIND_ADDRESS_NO_PORT", OptionForm::Switch),
    ("IP_TOS", OptionForm::Number),
    ("IP_TTL", OptionForm::Number),
];

/// The options of a server or client.
#[derive(Debug, Clone, Default)]
pub(crate) struct OptionsDoc(pub(crate) Entries<Spanned<Text>>);

impl FromNode for OptionsDoc {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        Entries::from_node(node, cx).map(Self)
    }
}

impl JsonSchema for OptionsDoc {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "SocketOptions".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let properties: serde_json::Map<String, serde_json::Value> = OPTIONS
            .iter()
            .map(|(name, _)| {
                let value = serde_json::json!({ "type": ["string", "number", "boolean"] });
                ((*name).to_owned(), value)
            })
            .collect();
        json_schema!({
            "description": "Socket options by their kernel names: `TCP_USER_TIMEOUT: 5s`.",
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        })
    }
}
