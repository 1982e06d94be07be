//! Replies of servers as written: a number of bytes, a word, or a mapping with the time that a reply takes.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::values::{Bandwidth, Bytes, ScalarValue, Timespan, Wrong};
use crate::scenario::decode::{FromNode, document};
use crate::scenario::node::{Node, NodeKind};
use crate::scenario::problem::Collector;
use crate::scenario::span::Spanned;
use crate::scenario::suggest;

/// The replies of a server.
#[derive(Debug, Clone)]
pub(crate) enum ReplyDoc {
    Content(Spanned<ReplyContent>),
    Form(ReplyFormDoc),
}

/// The content of a reply.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ReplyContent {
    Bytes(Bytes),
    Echo,
    Never,
}

impl ScalarValue for ReplyContent {
    const WHAT: &'static str = "a number of bytes, `echo` or `never`";
    fn parse(text: &str) -> Result<Self, Wrong> {
        match text.trim() {
            "echo" => Ok(Self::Echo),
            "never" => Ok(Self::Never),
            other => match suggest::nearest(other, ["echo", "never"]) {
                Some(word) => Err(Wrong::new("", format!("did you mean `{word}`?"))),
                None => Bytes::parse(other).map(Self::Bytes),
            },
        }
    }
}

impl JsonSchema for ReplyContent {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "ReplyContent".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let bytes = generator.subschema_for::<Bytes>();
        json_schema!({ "anyOf": [{ "enum": ["echo", "never"] }, bytes] })
    }
}

document! {
    /// A reply that takes time.
    ReplyFormDoc, "`reply`" {
        /// Body bytes; over UDP, bytes of the answer (by default a copy of the query), or `echo`.
        "bytes" => bytes: Option<Spanned<ReplyContent>>,
        /// Delay between the complete request and the first byte of the reply.
        "after" => after: Option<Spanned<Timespan>>,
        /// Bytes per second at which the body is written: `10KiB/s`. By default as fast as possible.
        "rate" => rate: Option<Spanned<Bandwidth>>,
    }
}

impl FromNode for ReplyDoc {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        if matches!(node.kind, NodeKind::Mapping(_)) {
            ReplyFormDoc::from_node(node, cx).map(Self::Form)
        } else {
            Spanned::from_node(node, cx).map(Self::Content)
        }
    }
}

impl JsonSchema for ReplyDoc {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Reply".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let content = generator.subschema_for::<ReplyContent>();
        let form = generator.subschema_for::<ReplyFormDoc>();
        json_schema!({ "if": { "type": "object" }, "then": form, "else": content })
    }
}
