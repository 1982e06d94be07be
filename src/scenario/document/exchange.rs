//! Exchanges as written: a list of requests, replies and pauses.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::values::{Bytes, ScalarValue, Timespan, Wrong, schema};
use crate::scenario::decode::{Framed, FromNode, document};
use crate::scenario::node::{Node, NodeKind};
use crate::scenario::problem::Collector;
use crate::scenario::span::{Span, Spanned};

/// A step of an exchange, with its place.
#[derive(Debug, Clone)]
pub(crate) struct ExchangeStepDoc {
    pub(crate) step: ExchangeStepForm,
    pub(crate) span: Span,
}

/// A step of an exchange.
#[derive(Debug, Clone)]
pub(crate) enum ExchangeStepForm {
    Send(Spanned<Bytes>),
    Reply(Option<Spanned<Timespan>>),
    Pause(Spanned<Timespan>),
}

/// The word `reply`.
struct ReplyWord;

impl ScalarValue for ReplyWord {
    const WHAT: &'static str = "`reply`, `{ send: 1KiB }` or `{ pause: 3s }`";
    fn parse(text: &str) -> Result<Self, Wrong> {
        match text.trim() {
            "reply" => Ok(Self),
            "send" => Err(Wrong::new(
                "the length is missing",
                "write `{ send: 1KiB }`",
            )),
            "pause" => Err(Wrong::new("the time is missing", "write `{ pause: 3s }`")),
            _ => Err(Wrong::new(
                "",
                "an exchange is a list: `[ { send: 1KiB }, reply, { pause: 3s } ]`",
            )),
        }
    }
}
schema!(ReplyWord, "ReplyWord", { "enum": ["reply"] });

document! {
    /// A step of an exchange. Exactly one of the three.
    ExchangeFormDoc, "a step of `exchange`" {
        /// Sends an HTTP request with a body of this many bytes.
        "send" => send: Option<Spanned<Bytes>>,
        /// Waits for the reply, for this long at most. `reply` alone waits for 10s.
        "reply" => reply: Option<Spanned<Timespan>>,
        /// Does nothing for this long; what arrives is not read.
        "pause" => pause: Option<Spanned<Timespan>>,
    }
}

impl FromNode for ExchangeStepDoc {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        let span = node.span;
        if !matches!(node.kind, NodeKind::Mapping(_)) {
            let ReplyWord = ReplyWord::from_node(node, cx)?;
            let step = ExchangeStepForm::Reply(None);
            return Some(Self { step, span });
        }
        let form = ExchangeFormDoc::from_node(node, cx)?;
        let step = match (form.send, form.reply, form.pause) {
            (Some(send), None, None) => ExchangeStepForm::Send(send),
            (None, Some(reply), None) => ExchangeStepForm::Reply(Some(reply)),
            (None, None, Some(pause)) => ExchangeStepForm::Pause(pause),
            _ => {
                if form.complete() {
                    cx.error(
                        form.head(),
                        "a step of `exchange` must have exactly one key",
                    )
                    .help("write `{ send: 1KiB }`, `reply` or `{ pause: 3s }`");
                }
                return None;
            }
        };
        Some(Self { step, span })
    }
}

impl JsonSchema for ExchangeStepDoc {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "ExchangeStep".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let word = generator.subschema_for::<ReplyWord>();
        let form = generator.subschema_for::<ExchangeFormDoc>();
        json_schema!({ "anyOf": [word, form] })
    }
}
