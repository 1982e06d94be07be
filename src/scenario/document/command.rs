//! Commands as written.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::values::{ListensOn, ScalarValue, Switch, Text, Timespan, Wrong};
use crate::scenario::decode::{Entries, FromNode, List, OneOrMany, document};
use crate::scenario::node::{Node, NodeKind, Scalar};
use crate::scenario::problem::Collector;
use crate::scenario::span::{self, Spanned};
use crate::scenario::suggest;
use crate::scenario::workload::Privilege;

document! {
    /// A real program on a node. It ends with the lab at the latest.
    CommandDoc, "a command" {
        /// The node on which it runs.
        "node" => node: Spanned<Text>,
        /// Program and arguments. `${NAME.address}` and `${NAME.port}` stand for the address and port of a
        /// server or node as this command's node reaches them; an IPv6 address before `:` or after `//` gets
        /// its brackets. `$$` is a dollar.
        "run" => run: Spanned<List<TextWithReferences>>,
        /// Time after which it is killed. The default is 60s.
        "timeout" => timeout: Option<Spanned<Timespan>>,
        /// Time of its start, from the start of the clock. The default is 0s.
        "start" => start: Option<Spanned<Timespan>>,
        /// Environment variables in addition to the lab's own; `${NAME.address}` as in `run`.
        "env" => env: Option<Entries<TextWithReferences>>,
        /// `port 80`, for a program that serves. It is started before the clock, which waits until the
        /// program listens on the port, for `timeout` at most (default 30s), and it runs until the lab ends.
        /// Clients name it in `to`.
        "ready" => ready: Option<Spanned<ListensOn>>,
        /// `true` if it runs until the lab ends, whatever its exit status. The default is false.
        "background" => background: Option<Spanned<Switch>>,
        /// The contents of its files, by name; `${NAME.address}` as in `run`. The files are in a writable
        /// folder of its own, `${files}`, which is removed with it.
        "files" => files: Option<Entries<TextWithReferences>>,
        /// Files and folders that it needs, as in `brings` of the scenario.
        "brings" => brings: Option<OneOrMany<Spanned<Text>>>,
        /// `true` if it prints the results of tests, in the Test Anything Protocol (TAP) or as the kernel's
        /// network selftests do (`TEST: name [ OK ]`). Each result is then judged like an expectation. The
        /// default is false.
        "tap" => tap: Option<Spanned<Switch>>,
        /// Privileges beyond NET_ADMIN, NET_RAW and NET_BIND_SERVICE on its node: `root` (it stays root),
        /// `homes` (it sees the folders of users), or a capability such as `SETUID`. Those that reach beyond the
        /// lab, such as `SYS_ADMIN`, are given in a virtual machine only.
        "privileges" => privileges: Option<List<Spanned<Privilege>>>,
    }
}

impl ScalarValue for Privilege {
    const WHAT: &'static str = "a privilege";
    fn parse(text: &str) -> Result<Self, Wrong> {
        Self::parse(text).ok_or_else(|| {
            let name = text.to_ascii_uppercase();
            let name = name.strip_prefix("CAP_").unwrap_or(&name);
            let help = match (
                Self::parse(name),
                suggest::did_you_mean(text, Self::names()),
            ) {
                (Some(meant), _) => format!("write `{}`", meant.name()),
                (None, Some(meant)) => meant,
                (None, None) => {
                    "write `root`, `homes`, or a name of capabilities(7) without `CAP_`".to_owned()
                }
            };
            Wrong::new("not a privilege", help)
        })
    }
}

impl JsonSchema for Privilege {
    fn schema_name() -> Cow<'static, str> {
        "Privilege".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<_> = Self::names().collect();
        json_schema!({ "anyOf": [{ "enum": names }, { "type": "string", "pattern": r"^\$.+" }] })
    }
}

/// A text in which `${NAME.address}` is filled in later.
#[derive(Debug, Clone)]
pub(crate) struct TextWithReferences {
    pub(crate) scalar: Scalar,
    pub(crate) span: span::Span,
}

impl FromNode for TextWithReferences {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        if let NodeKind::Scalar(scalar) = &node.kind {
            return Some(Self {
                scalar: scalar.clone(),
                span: node.span,
            });
        }
        Text::from_node(node, cx).map(|_| None)?
    }
}

impl JsonSchema for TextWithReferences {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        Text::schema_name()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Text>()
    }
}
