//! From a tree to typed values, collecting every problem on the way: unknown keys, missing keys, wrong types.
//!
//! Not here: which keys there are (`document`), whether values make sense together (`resolve`).

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::bounds::MAX_NAME;
use super::node::{Entry, Kind, Node};
use super::problem::{Collector, quoted};
use super::span::{Span, Spanned};
use super::suggest;

/// Can be read from a tree. `None` where a problem has been told.
pub(crate) trait FromNode: Sized {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self>;
}

/// Can stand as the value of a known key; says what its absence means.
pub(crate) trait Field: Sized {
    fn field(fields: &Fields<'_>, key: &str, cx: &mut Collector<'_>) -> Option<Self>;
}

/// Required.
impl<T: FromNode> Field for T {
    fn field(fields: &Fields<'_>, key: &str, cx: &mut Collector<'_>) -> Option<Self> {
        if let Some(value) = fields.get(key) {
            return Self::from_node(value, cx);
        }
        if fields.meant.contains(&key) {
            cx.skip();
        } else {
            cx.error(fields.node.head, format!("{} lacks `{key}`", fields.what));
        }
        None
    }
}

/// May be absent. A wrong value counts as absent: its problem has been told.
impl<T: FromNode> Field for Option<T> {
    fn field(fields: &Fields<'_>, key: &str, cx: &mut Collector<'_>) -> Option<Self> {
        let value = fields
            .get(key)
            .filter(|value| !matches!(value.kind, Kind::Null));
        Some(value.and_then(|value| T::from_node(value, cx)))
    }
}

/// A mapping with a fixed set of keys, while it is being read.
pub(crate) struct Fields<'n> {
    node: &'n Node,
    what: &'static str,
    /// Known keys that unknown ones were taken for.
    meant: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// Tells of every key that is not known. Nothing at all counts as an empty mapping.
    pub(crate) fn open(
        node: &'n Node,
        what: &'static str,
        known: &[&'static str],
        cx: &mut Collector<'_>,
    ) -> Option<Self> {
        if matches!(node.kind, Kind::Broken) {
            cx.skip();
            return None;
        }
        if !matches!(node.kind, Kind::Mapping(_) | Kind::Null) {
            cx.error(
                node.span,
                format!("{what} is a mapping, this is {}", node.describe()),
            )
            .help(format!("known keys: {}", suggest::listed(known)));
            return None;
        }
        let mut meant = Vec::new();
        for entry in node.entries() {
            let key = entry.key.text.as_str();
            if !known.contains(&key) {
                let nearest = suggest::nearest(key, known.iter().copied());
                meant.extend(known.iter().find(|known| Some(**known) == nearest));
                let help = misplaced(what, key)
                    .map(str::to_owned)
                    .or_else(|| nearest.map(|name| format!("did you mean `{name}`?")))
                    .unwrap_or_else(|| format!("known keys: {}", suggest::listed(known)));
                cx.error(entry.key_span, format!("{what} has no key {}", quoted(key)))
                    .label("unknown key")
                    .help(help);
            }
        }
        Some(Self { node, what, meant })
    }

    fn get(&self, key: &str) -> Option<&'n Node> {
        self.node.get(key)
    }
}

/// Keys that exist, but elsewhere.
fn misplaced(what: &str, key: &str) -> Option<&'static str> {
    Some(match (what, key) {
        ("a client", "rate" | "for" | "count" | "timeout" | "close" | "keep-alive") => {
            "it belongs to the load: `connect: { ... }`"
        }
        ("a node", "tcp_syncookies" | "somaxconn") => "kernel settings stand under `sysctls:`",
        ("a node", key) if key.starts_with("net.") => "kernel settings stand under `sysctls:`",
        ("a node", "nofile") => "it belongs to `limits: { nofile: ... }`",
        ("a node", "room") => "it belongs to `conntrack: { room: ... }`",
        ("a node", "masquerade" | "snat" | "dnat") => "it belongs to `nat: { ... }`",
        ("the scenario", "sysctls") => {
            "per-namespace settings belong to a node; host-wide ones to `kernel: { sysctls: ... }`"
        }
        ("the scenario", "node") => "did you mean `nodes`?",
        _ => return None,
    })
}

/// What every mapping of the format carries beside its keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    /// Where to point when it is wrong as a whole.
    pub(crate) head: Span,
    /// Whether everything in it could be read.
    pub(crate) complete: bool,
}

/// A mapping of the format.
pub(crate) trait Framed {
    fn frame(&self) -> Frame;

    /// Where to point when it is wrong as a whole.
    fn head(&self) -> Span {
        self.frame().head
    }

    /// Whether everything in it could be read. Where not, nothing is said about what it lacks.
    fn complete(&self) -> bool {
        self.frame().complete
    }
}

/// Defines a mapping of the format: its type, its decoder and its schema from one list of keys.
macro_rules! document {
    ($(#[$meta:meta])* $name:ident, $what:literal {
        $($(#[$field_meta:meta])* $key:literal => $field:ident: $type:ty,)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub(crate) struct $name {
            $($(#[$field_meta])* #[schemars(rename = $key)] pub(crate) $field: $type,)*
            #[schemars(skip)]
            frame: $crate::scenario::decode::Frame,
        }

        impl $crate::scenario::decode::Framed for $name {
            fn frame(&self) -> $crate::scenario::decode::Frame {
                self.frame
            }
        }

        impl $name {
            /// The keys that the decoder knows.
            pub(crate) const KEYS: &[&str] = &[$($key),*];
        }

        impl $crate::scenario::decode::FromNode for $name {
            fn from_node(
                node: &$crate::scenario::node::Node,
                cx: &mut $crate::scenario::problem::Collector<'_>,
            ) -> Option<Self> {
                let before = cx.failures();
                let fields = $crate::scenario::decode::Fields::open(node, $what, Self::KEYS, cx)?;
                $(let $field = <$type as $crate::scenario::decode::Field>::field(&fields, $key, cx);)*
                Some(Self {
                    $($field: $field?,)*
                    frame: $crate::scenario::decode::Frame {
                        head: node.head,
                        complete: cx.failures() == before,
                    },
                })
            }
        }
    };
}
pub(crate) use document;

impl<T: FromNode> FromNode for Spanned<T> {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        Some(Self {
            value: T::from_node(node, cx)?,
            span: node.span,
        })
    }
}

/// A mapping from names that the author chooses. A value that could not be read is there as `None`: its name is known.
#[derive(Debug, Clone)]
pub(crate) struct Entries<T>(pub(crate) Vec<(Spanned<String>, Option<T>)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: FromNode> FromNode for Entries<T> {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        if matches!(node.kind, Kind::Broken) {
            cx.skip();
            return None;
        }
        if !matches!(node.kind, Kind::Mapping(_)) {
            cx.error(
                node.span,
                format!("expected a mapping from names, found {}", node.describe()),
            )
            .help("each entry is `name: value`");
            return None;
        }
        Some(Self(
            node.entries()
                .iter()
                .map(|entry| (key(entry), T::from_node(&entry.value, cx)))
                .collect(),
        ))
    }
}

fn key(entry: &Entry) -> Spanned<String> {
    Spanned {
        value: entry.key.text.clone(),
        span: entry.key_span,
    }
}

/// A list. An item that could not be read is there as `None`.
#[derive(Debug, Clone)]
pub(crate) struct List<T>(pub(crate) Vec<Option<T>>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: FromNode> FromNode for List<T> {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        if matches!(node.kind, Kind::Broken) {
            cx.skip();
            return None;
        }
        let Kind::List(items) = &node.kind else {
            cx.error(
                node.span,
                format!("expected a list, found {}", node.describe()),
            )
            .help("a list is written `[a, b]`, or as lines that begin with `- `");
            return None;
        };
        Some(Self(
            items.iter().map(|item| T::from_node(item, cx)).collect(),
        ))
    }
}

/// A list, or one item in its place.
#[derive(Debug, Clone)]
pub(crate) struct OneOrMany<T>(pub(crate) Vec<T>);

impl<T: FromNode> FromNode for OneOrMany<T> {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        Some(Self(match &node.kind {
            Kind::List(items) => items
                .iter()
                .filter_map(|item| T::from_node(item, cx))
                .collect(),
            _ => vec![T::from_node(node, cx)?],
        }))
    }
}

/// Whether a text is a name, and what is wrong with it where it is none.
pub(crate) fn check_name(name: &str, span: Span, what: &str, cx: &mut Collector<'_>) -> bool {
    let mut letters = name.chars();
    let well_formed = letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'));
    if !well_formed {
        cx.error(span, format!("{} is not a name for {what}", quoted(name)))
            .help("a name begins with a letter and has letters, digits, `-` and `_`");
    } else if name.len() > MAX_NAME {
        cx.error(span, format!("a name has at most {MAX_NAME} letters"));
    } else if name == "kernel" {
        cx.error(
            span,
            "`kernel` is taken: expectations call the kernel's log `kernel.log`",
        );
    } else {
        return true;
    }
    false
}

macro_rules! delegate_schema {
    ($type:ident, $generator:ident => $schema:expr) => {
        impl<T: JsonSchema> JsonSchema for $type<T> {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                format!(concat!(stringify!($type), "{}"), T::schema_name()).into()
            }
            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

delegate_schema!(Spanned, generator => generator.subschema_for::<T>());
delegate_schema!(List, generator => json_schema!({
    "type": "array",
    "items": generator.subschema_for::<T>(),
}));
delegate_schema!(Entries, generator => json_schema!({
    "type": "object",
    // Nothing counts as an empty mapping; in a variant it removes.
    "additionalProperties": { "anyOf": [generator.subschema_for::<T>(), { "type": "null" }] },
}));
delegate_schema!(OneOrMany, generator => {
    let one = generator.subschema_for::<T>();
    json_schema!({ "anyOf": [one.clone(), { "type": "array", "items": one }] })
});
