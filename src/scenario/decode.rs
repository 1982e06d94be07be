//! Reads a tree into typed values and reports every problem on the way: unknown keys,
//! missing keys, wrong types.
//!
//! `document` defines the keys; `resolve` checks that the values make sense together.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::bounds::MAX_NAME;
use super::examples;
use super::forms;
use super::node::{MappingEntry, Node, NodeKind};
use super::other_keys;
use super::problem::{Collector, quoted};
use super::span::{Span, Spanned};
use super::suggest;

/// A type that can be read from a tree. `None` means that a problem has been reported.
pub(crate) trait FromNode: Sized {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self>;
}

/// A type that can be the value of a known key; it defines what the absence of the key means.
pub(crate) trait FromField: Sized {
    fn field(fields: &MappingFields<'_>, key: &str, cx: &mut Collector<'_>) -> Option<Self>;
}

/// A key that must be present.
impl<T: FromNode> FromField for T {
    fn field(fields: &MappingFields<'_>, key: &str, cx: &mut Collector<'_>) -> Option<Self> {
        if let Some(value) = fields.get(key) {
            return Self::from_node(value, cx);
        }
        if fields.meant.contains(&key) {
            cx.skip();
        } else {
            let help = examples::missing(fields.what, key, fields.node, &cx.outline);
            let problem = cx.error(fields.node.head, format!("{} has no `{key}`", fields.what));
            if let Some(help) = help {
                problem.help(help);
            }
        }
        None
    }
}

/// An optional key. A wrong value counts as absent once its problem has been reported.
impl<T: FromNode> FromField for Option<T> {
    fn field(fields: &MappingFields<'_>, key: &str, cx: &mut Collector<'_>) -> Option<Self> {
        let value = fields
            .get(key)
            .filter(|value| !matches!(value.kind, NodeKind::Null));
        if value.is_none() && fields.meant.contains(&key) {
            cx.skip();
        }
        Some(value.and_then(|value| T::from_node(value, cx)))
    }
}

/// A mapping with a fixed set of keys, while it is being read.
pub(crate) struct MappingFields<'n> {
    node: &'n Node,
    what: &'static str,
    /// Known keys that were probably meant by unknown ones.
    meant: Vec<&'static str>,
}

impl<'n> MappingFields<'n> {
    /// Opens a mapping and reports every unknown key. An empty value counts as an empty mapping.
    pub(crate) fn open(
        node: &'n Node,
        what: &'static str,
        known: &[&'static str],
        cx: &mut Collector<'_>,
    ) -> Option<Self> {
        if matches!(node.kind, NodeKind::Broken) {
            cx.skip();
            return None;
        }
        if !matches!(node.kind, NodeKind::Mapping(_) | NodeKind::Null) {
            if let Some((missing, help)) = forms::entry(node, known) {
                cx.error(node.span, missing).help(help);
                return None;
            }
            let help = forms::mapping(what, node, known, &cx.outline)
                .unwrap_or_else(|| format!("known keys: {}", suggest::listed(known)));
            cx.error(
                node.span,
                format!("{what} must be a mapping, found {}", node.describe()),
            )
            .help(help);
            return None;
        }
        let mut meant = Vec::new();
        let mut explained = 0;
        for (number, entry) in node.entries().iter().enumerate() {
            if number < explained {
                continue;
            }
            let key = entry.key.text.as_str();
            if let Some(split) = forms::commas(node.entries(), number) {
                cx.error(entry.key_span, split.message).help(split.help);
                explained = number + split.groups;
            } else if let Some((missing, help)) = forms::key(entry, known) {
                let before = key.split([':', '=', ' ']).next();
                meant.extend(known.iter().find(|known| Some(**known) == before));
                cx.error(entry.key_span, missing).help(help);
            } else if !known.contains(&key) {
                let other = other_keys::other_key(what, key);
                let nearest = suggest::nearest(key, known.iter().copied());
                meant.extend(known.iter().find(|known| Some(**known) == nearest));
                meant.extend(other.and_then(|help| other_keys::named_by(help, known)));
                let help = other
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

/// Facts about a mapping of the format as a whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    /// The position to show if the mapping as a whole is wrong.
    pub(crate) head: Span,
    /// True if everything in it could be read.
    pub(crate) complete: bool,
}

/// A mapping of the format.
pub(crate) trait Framed {
    fn frame(&self) -> Frame;

    /// Returns the position to show if the mapping as a whole is wrong.
    fn head(&self) -> Span {
        self.frame().head
    }

    /// Returns true if everything in it could be read. Otherwise, missing keys are not reported.
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
        #[derive(Debug, Clone)]
        #[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
        #[cfg_attr(feature = "program", schemars(deny_unknown_fields, title = $what))]
        pub(crate) struct $name {
            $($(#[$field_meta])* #[cfg_attr(feature = "program", schemars(rename = $key))] pub(crate) $field: $type,)*
            #[cfg_attr(feature = "program", schemars(skip))]
            frame: $crate::scenario::decode::Frame,
        }

        impl $crate::scenario::decode::Framed for $name {
            fn frame(&self) -> $crate::scenario::decode::Frame {
                self.frame
            }
        }

        impl $name {
            /// The keys that the decoder accepts.
            pub(crate) const KEYS: &[&str] = &[$($key),*];
        }

        impl $crate::scenario::decode::FromNode for $name {
            fn from_node(
                node: &$crate::scenario::node::Node,
                cx: &mut $crate::scenario::problem::Collector<'_>,
            ) -> Option<Self> {
                let before = cx.failures();
                let fields = $crate::scenario::decode::MappingFields::open(node, $what, Self::KEYS, cx)?;
                $(let $field = <$type as $crate::scenario::decode::FromField>::field(&fields, $key, cx);)*
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

/// A mapping whose keys are names that the author chooses. An unreadable value is kept as `None`, since
/// its name is known.
#[derive(Debug, Clone)]
pub(crate) struct Entries<T>(pub(crate) Vec<(Spanned<String>, Option<T>)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: FromNode> FromNode for Entries<T> {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        if matches!(node.kind, NodeKind::Broken) {
            cx.skip();
            return None;
        }
        if !matches!(node.kind, NodeKind::Mapping(_)) {
            let help = forms::entries(cx.source.slice(node.head), node)
                .unwrap_or_else(|| "each entry is `name: value`".to_owned());
            cx.error(
                node.span,
                format!(
                    "expected a mapping of names to values, found {}",
                    node.describe()
                ),
            )
            .help(help);
            return None;
        }
        let entries = node.entries();
        let mut read = Vec::new();
        let mut explained = 0;
        for (number, entry) in entries.iter().enumerate() {
            if number < explained {
                continue;
            }
            if let Some(split) = forms::commas(entries, number) {
                // The value before a comma is only a part of what was meant.
                read.pop();
                cx.error(entry.key_span, split.message).help(split.help);
                explained = number + split.groups;
                continue;
            }
            if let Some((wrong, help)) = forms::assigned(entry) {
                cx.error(entry.key_span, wrong).help(help);
                continue;
            }
            read.push((key(entry), T::from_node(&entry.value, cx)));
        }
        Some(Self(read))
    }
}

fn key(entry: &MappingEntry) -> Spanned<String> {
    Spanned {
        value: entry.key.text.clone(),
        span: entry.key_span,
    }
}

/// A list. An unreadable item is kept as `None`.
#[derive(Debug, Clone)]
pub(crate) struct List<T>(pub(crate) Vec<Option<T>>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: FromNode> FromNode for List<T> {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        if matches!(node.kind, NodeKind::Broken) {
            cx.skip();
            return None;
        }
        let NodeKind::List(items) = &node.kind else {
            let help = forms::list(node).unwrap_or_else(|| {
                "a list is written `[a, b]`, or as lines that begin with `- `".to_owned()
            });
            cx.error(
                node.span,
                format!("expected a list, found {}", node.describe()),
            )
            .help(help);
            return None;
        };
        Some(Self(
            items.iter().map(|item| T::from_node(item, cx)).collect(),
        ))
    }
}

/// A list, or a single item in its place.
#[derive(Debug, Clone)]
pub(crate) struct OneOrMany<T>(pub(crate) Vec<T>);

impl<T: FromNode> FromNode for OneOrMany<T> {
    fn from_node(node: &Node, cx: &mut Collector<'_>) -> Option<Self> {
        Some(Self(match &node.kind {
            NodeKind::List(items) => items
                .iter()
                .filter_map(|item| T::from_node(item, cx))
                .collect(),
            _ => vec![T::from_node(node, cx)?],
        }))
    }
}

/// Returns true if a text is a valid name, and reports what is wrong if it is not.
pub(crate) fn check_name(name: &str, span: Span, what: &str, cx: &mut Collector<'_>) -> bool {
    let mut letters = name.chars();
    let well_formed = letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'));
    if !well_formed {
        cx.error(span, format!("{} is not a name for {what}", quoted(name)))
            .help(match name.split_once(':') {
                Some((name, value)) => {
                    format!("a space is missing after the colon: `{name}: {value}`")
                }
                None => {
                    "a name begins with a letter and contains only letters, digits, `-` and `_`"
                        .to_owned()
                }
            });
    } else if name.len() > MAX_NAME {
        cx.error(
            span,
            format!("a name is at most {MAX_NAME} characters long"),
        );
    } else if name == "kernel" {
        cx.error(
            span,
            "the name `kernel` is reserved: `kernel.log` is the kernel's log in expectations",
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
    // An empty value counts as an empty mapping; in a variant it removes.
    "additionalProperties": { "anyOf": [generator.subschema_for::<T>(), { "type": "null" }] },
}));
delegate_schema!(OneOrMany, generator => {
    let one = generator.subschema_for::<T>();
    json_schema!({ "anyOf": [one.clone(), { "type": "array", "items": one }] })
});
