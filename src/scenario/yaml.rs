//! Reads YAML into a tree that keeps every scalar as written, with its position. Only this file and `yaml_advice`,
//! which explains its errors, use the YAML library.
//!
//! It reads the library's event stream rather than use its serde deserializer, which turns `1000` into a
//! number and `on` into a boolean before the lab sees how they were written, and stops at the first duplicate
//! key. Size, depth and the expansion of aliases are bounded, so that no text takes long to read.

use std::collections::{BTreeMap, HashMap};

use serde_yaml::granit_parser::{
    Event, Parser, ScalarStyle, ScanError, Span as YamlSpan, StrInput,
};

use super::bounds::{MAX_BYTES, MAX_DEPTH, MAX_NODES};
use super::node::{MappingEntry, Node, NodeKind, Origin, Piece, Scalar};
use super::problem::{Collector, quoted};
use super::span::Span;
use super::yaml_advice;

/// Reads the single document of a text. Problems are collected; `None` means that there is no
/// tree to continue with.
pub(crate) fn read(collector: &mut Collector<'_>) -> Option<Node> {
    let text = collector.source.text;
    if text.len() > MAX_BYTES {
        collector
            .error(
                Span::default(),
                format!("the file is larger than {MAX_BYTES} bytes"),
            )
            .help("a scenario describes one topology; split it into several files");
        return None;
    }
    let mut reader = TreeReader {
        text,
        parser: Parser::new_from_str(text),
        collector,
        anchors: HashMap::new(),
        nodes: 0,
    };
    match reader.document() {
        Ok(root) => root,
        Err(ReadStop::Syntax(error)) => {
            yaml_advice::report(collector, &error);
            None
        }
        Err(ReadStop::Reported) => None,
    }
}

/// The reason why reading ends early.
enum ReadStop {
    Syntax(ScanError),
    /// A problem has been reported that makes the rest meaningless.
    Reported,
}

impl From<ScanError> for ReadStop {
    fn from(error: ScanError) -> Self {
        Self::Syntax(error)
    }
}

struct TreeReader<'c, 't> {
    text: &'t str,
    parser: Parser<'t, StrInput<'t>>,
    collector: &'c mut Collector<'t>,
    /// Finished nodes by anchor, with their sizes.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

impl<'t> TreeReader<'_, 't> {
    fn document(&mut self) -> Result<Option<Node>, ReadStop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(..) if root.is_some() => {
                    let at = span_of(&span);
                    self.collector
                        .error(at, "a second document begins here")
                        .help("a file holds one scenario: move what follows `---` to a file of its own");
                    return Err(ReadStop::Reported);
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => root = Some(self.node(event, &span, 0)?),
            }
        }
        if root.is_none() {
            self.collector
                .error(Span::default(), "the file is empty")
                .help("a scenario needs at least `nodes:`");
        }
        Ok(root)
    }

    fn next(&mut self) -> Result<(Event<'t>, YamlSpan), ReadStop> {
        match self.parser.next_event() {
            Some(event) => Ok(event?),
            None => Ok((Event::StreamEnd, YamlSpan::default())),
        }
    }

    fn node(&mut self, event: Event<'t>, yaml: &YamlSpan, depth: usize) -> Result<Node, ReadStop> {
        let span = span_of(yaml);
        self.count(1, span)?;
        if depth > MAX_DEPTH {
            self.collector
                .error(span, format!("nested deeper than {MAX_DEPTH} levels"));
            return Err(ReadStop::Reported);
        }
        let (node, anchor) = match event {
            Event::Alias(id) => return self.alias(id, span),
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(
                    tag.as_deref().is_some_and(|tag| !tag.is_yaml_core_schema()),
                    span,
                );
                let quoted_null = style != ScalarStyle::Plain;
                let kind = if !quoted_null && matches!(&*text, "" | "~" | "null" | "Null" | "NULL")
                {
                    NodeKind::Null
                } else {
                    NodeKind::Scalar(self.scalar(&text, style, span))
                };
                (leaf(kind, span), anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(
                    tag.as_deref().is_some_and(|tag| !tag.is_yaml_core_schema()),
                    span,
                );
                let mut items = Vec::new();
                let end = loop {
                    let (event, at) = self.next()?;
                    if matches!(event, Event::SequenceEnd) {
                        break span_of(&at).end;
                    }
                    items.push(self.node(event, &at, depth + 1)?);
                };
                (
                    leaf(NodeKind::List(items), Span::new(span.start, end)),
                    anchor,
                )
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(
                    tag.as_deref().is_some_and(|tag| !tag.is_yaml_core_schema()),
                    span,
                );
                let (entries, end) = self.mapping(depth)?;
                (
                    leaf(NodeKind::Mapping(entries), Span::new(span.start, end)),
                    anchor,
                )
            }
            _ => return Err(ReadStop::Reported),
        };
        if anchor != 0 {
            let size = node.size();
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    /// Reads the entries of a mapping, and returns them with the offset of the mapping's end.
    fn mapping(&mut self, depth: usize) -> Result<(Vec<MappingEntry>, usize), ReadStop> {
        let mut entries: Vec<MappingEntry> = Vec::new();
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        let mut merged: Vec<Node> = Vec::new();
        let end = loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break span_of(&at).end;
            }
            let key = self.node(event, &at, depth + 1)?;
            let (event, at) = self.next()?;
            let mut value = self.node(event, &at, depth + 1)?;
            let Some(scalar) = self.key(&key) else {
                continue;
            };
            if scalar.plain && scalar.text == "<<" {
                merged.push(value);
                continue;
            }
            value.head = key.span;
            if let Some(first) = seen.get(&scalar.text) {
                self.collector
                    .error_between(
                        key.span,
                        format!("duplicate key {}", quoted(&scalar.text)),
                        *first,
                        "first here",
                    )
                    .label("again here");
                continue;
            }
            seen.insert(scalar.text.clone(), key.span);
            entries.push(MappingEntry {
                key: scalar,
                key_span: key.span,
                value,
            });
        };
        for value in merged {
            self.merge(&value, &mut entries, &mut seen)?;
        }
        Ok((entries, end))
    }

    /// Returns a key as text, and reports a key of any other kind.
    fn key(&mut self, key: &Node) -> Option<Scalar> {
        match &key.kind {
            NodeKind::Scalar(scalar) => Some(scalar.clone()),
            NodeKind::Null => {
                self.collector.error(key.span, "the key is missing");
                None
            }
            _ => {
                let help = if self.collector.source.slice(key.span).starts_with('{') {
                    "inside `{...}` write a parameter as `$name`, or quote it: `\"${name}\"`"
                } else {
                    "a key is a word"
                };
                self.collector
                    .error(key.span, format!("{} cannot be a key", key.describe()))
                    .help(help);
                None
            }
        }
    }

    /// Merges `<<`: adds the entries of other mappings that are not there yet (YAML 1.1, merge key type).
    fn merge(
        &mut self,
        value: &Node,
        entries: &mut Vec<MappingEntry>,
        seen: &mut BTreeMap<String, Span>,
    ) -> Result<(), ReadStop> {
        match &value.kind {
            NodeKind::Mapping(others) => {
                for other in others {
                    if !seen.contains_key(&other.key.text) {
                        seen.insert(other.key.text.clone(), other.key_span);
                        self.count(other.value.size(), value.span)?;
                        entries.push(other.clone());
                    }
                }
            }
            NodeKind::List(items)
                if items
                    .iter()
                    .all(|item| matches!(item.kind, NodeKind::Mapping(_))) =>
            {
                for item in items {
                    self.merge(item, entries, seen)?;
                }
            }
            _ => {
                self.collector
                    .error(value.span, "`<<` must be a mapping or a list of mappings");
            }
        }
        Ok(())
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<Node, ReadStop> {
        let Some((node, size)) = self.anchors.get(&id) else {
            self.collector
                .error(span, "the alias refers to a value that contains it");
            return Err(ReadStop::Reported);
        };
        let (node, size) = (node, *size);
        // The values are counted before they are copied.
        if self.nodes + size <= MAX_NODES {
            self.nodes += size;
            return Ok(node.clone());
        }
        self.count(size, span)?;
        Err(ReadStop::Reported)
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), ReadStop> {
        self.nodes += nodes;
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        self.collector
            .error(
                span,
                format!("the scenario has more than {MAX_NODES} values after aliases are expanded"),
            )
            .help("use fewer aliases (`*name`), or split the scenario into several files");
        Err(ReadStop::Reported)
    }

    fn refuse_tag(&mut self, custom: bool, span: Span) {
        if custom {
            self.collector
                .error(span, "tags (`!name`) are not supported")
                .help("if the text begins with `!`, quote it");
        }
    }

    fn scalar(&self, text: &str, style: ScalarStyle, span: Span) -> Scalar {
        let inner = match style {
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                Span::new(span.start + 1, span.end.saturating_sub(1))
            }
            _ => span,
        };
        let verbatim = self.text.get(inner.start..inner.end) == Some(text);
        let piece = Piece {
            at: 0,
            source: if verbatim { inner } else { span },
            origin: if verbatim {
                Origin::Verbatim
            } else {
                Origin::Decoded
            },
        };
        Scalar {
            text: text.to_owned(),
            pieces: vec![piece],
            plain: style == ScalarStyle::Plain,
        }
    }
}

fn leaf(kind: NodeKind, span: Span) -> Node {
    Node {
        kind,
        span,
        head: span,
    }
}

fn span_of(span: &YamlSpan) -> Span {
    let range = span.byte_range().unwrap_or_default();
    Span::new(range.start, range.end)
}
