//! YAML text to a tree that keeps every scalar as written and every place. The only file that knows the YAML library.
//!
//! It reads the library's event stream, not its serde deserializer: that one turns `1000` into a number and `on` into
//! a truth before we see how they were written, and stops at the first duplicate key. Bounded in size, depth and
//! what aliases expand to, so that no text can take long.

use std::collections::{BTreeMap, HashMap};

use serde_yaml::granit_parser::{
    ErrorKind, Event, Parser, ScalarStyle, ScanError, Span as YamlSpan, StrInput,
};

use super::bounds::{MAX_BYTES, MAX_DEPTH, MAX_NODES};
use super::node::{Entry, Kind, Node, Origin, Piece, Scalar};
use super::problem::{Collector, quoted};
use super::span::Span;

/// Reads the one document of a text. Problems are collected; `None` where there is no tree to go on with.
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
    let mut reader = Reader {
        text,
        parser: Parser::new_from_str(text),
        collector,
        anchors: HashMap::new(),
        nodes: 0,
    };
    match reader.document() {
        Ok(root) => root,
        Err(Stop::Syntax(error)) => {
            syntax_problem(collector, &error);
            None
        }
        Err(Stop::Told) => None,
    }
}

/// Why reading ends early.
enum Stop {
    Syntax(ScanError),
    /// A problem has been told that makes the rest meaningless.
    Told,
}

impl From<ScanError> for Stop {
    fn from(error: ScanError) -> Self {
        Self::Syntax(error)
    }
}

struct Reader<'c, 't> {
    text: &'t str,
    parser: Parser<'t, StrInput<'t>>,
    collector: &'c mut Collector<'t>,
    /// Finished nodes by anchor, with their sizes.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

impl<'t> Reader<'_, 't> {
    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(..) if root.is_some() => {
                    let at = span_of(&span);
                    self.collector
                        .error(at, "a second document begins here")
                        .help("one scenario a file: move what follows `---` to a file of its own");
                    return Err(Stop::Told);
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => root = Some(self.node(event, &span, 0)?),
            }
        }
        if root.is_none() {
            self.collector
                .error(Span::default(), "the file is empty")
                .help("a scenario has at least `nodes:`");
        }
        Ok(root)
    }

    fn next(&mut self) -> Result<(Event<'t>, YamlSpan), Stop> {
        match self.parser.next_event() {
            Some(event) => Ok(event?),
            None => Ok((Event::StreamEnd, YamlSpan::default())),
        }
    }

    fn node(&mut self, event: Event<'t>, yaml: &YamlSpan, depth: usize) -> Result<Node, Stop> {
        let span = span_of(yaml);
        self.count(1, span)?;
        if depth > MAX_DEPTH {
            self.collector
                .error(span, format!("nested deeper than {MAX_DEPTH} levels"));
            return Err(Stop::Told);
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
                    Kind::Null
                } else {
                    Kind::Scalar(self.scalar(&text, style, span))
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
                (leaf(Kind::List(items), Span::new(span.start, end)), anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(
                    tag.as_deref().is_some_and(|tag| !tag.is_yaml_core_schema()),
                    span,
                );
                let (entries, end) = self.mapping(depth)?;
                (
                    leaf(Kind::Mapping(entries), Span::new(span.start, end)),
                    anchor,
                )
            }
            _ => return Err(Stop::Told),
        };
        if anchor != 0 {
            let size = node.size();
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    /// The entries up to the mapping's end, and where that is.
    fn mapping(&mut self, depth: usize) -> Result<(Vec<Entry>, usize), Stop> {
        let mut entries: Vec<Entry> = Vec::new();
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
                        format!("the key {} is there twice", quoted(&scalar.text)),
                        *first,
                        "first here",
                    )
                    .label("again here");
                continue;
            }
            seen.insert(scalar.text.clone(), key.span);
            entries.push(Entry {
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

    /// A key is text; nothing else has a meaning here.
    fn key(&mut self, key: &Node) -> Option<Scalar> {
        match &key.kind {
            Kind::Scalar(scalar) => Some(scalar.clone()),
            Kind::Null => {
                self.collector.error(key.span, "the key is missing");
                None
            }
            _ => {
                let help = if self.collector.source.slice(key.span).starts_with('{') {
                    "inside `{...}` a parameter is written `$name`, or quoted: `\"${name}\"`"
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

    /// `<<`: adds the entries of other mappings that are not there yet (YAML 1.1, merge key type).
    fn merge(
        &mut self,
        value: &Node,
        entries: &mut Vec<Entry>,
        seen: &mut BTreeMap<String, Span>,
    ) -> Result<(), Stop> {
        match &value.kind {
            Kind::Mapping(others) => {
                for other in others {
                    if !seen.contains_key(&other.key.text) {
                        seen.insert(other.key.text.clone(), other.key_span);
                        self.count(other.value.size(), value.span)?;
                        entries.push(other.clone());
                    }
                }
            }
            Kind::List(items)
                if items
                    .iter()
                    .all(|item| matches!(item.kind, Kind::Mapping(_))) =>
            {
                for item in items {
                    self.merge(item, entries, seen)?;
                }
            }
            _ => {
                self.collector
                    .error(value.span, "`<<` takes a mapping, or a list of mappings");
            }
        }
        Ok(())
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<Node, Stop> {
        let Some((node, size)) = self.anchors.get(&id) else {
            self.collector
                .error(span, "this alias is inside of what it stands for");
            return Err(Stop::Told);
        };
        let (node, size) = (node, *size);
        // Counted before it is copied.
        if self.nodes + size <= MAX_NODES {
            self.nodes += size;
            return Ok(node.clone());
        }
        self.count(size, span)?;
        Err(Stop::Told)
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Stop> {
        self.nodes += nodes;
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        self.collector
            .error(
                span,
                format!("the scenario has more than {MAX_NODES} values here, aliases expanded"),
            )
            .help("use fewer aliases (`*name`), or several files");
        Err(Stop::Told)
    }

    fn refuse_tag(&mut self, custom: bool, span: Span) {
        if custom {
            self.collector
                .error(span, "tags (`!name`) have no meaning here")
                .help("quote the text if it is to begin with `!`");
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

fn leaf(kind: Kind, span: Span) -> Node {
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

/// The library's message, and for the usual slips what to do.
fn syntax_problem(collector: &mut Collector<'_>, error: &ScanError) {
    let text = collector.source.text;
    let at = error.marker().byte_offset().unwrap_or(0).min(text.len());
    let line_start = text
        .get(..at)
        .unwrap_or_default()
        .rfind('\n')
        .map_or(0, |n| n + 1);
    let line = text.get(line_start..).unwrap_or_default();
    let line = line.lines().next().unwrap_or_default();
    let behind = text.get(at..).unwrap_or_default();
    let help = if behind.starts_with('\t') || line.starts_with('\t') {
        Some("YAML indents with spaces, not with tabs")
    } else if line.contains("${") && behind.starts_with('{') {
        Some("inside `{...}` a parameter is written `$name`, or quoted: `\"${name}\"`")
    } else if matches!(error.kind(), ErrorKind::MappingValueNotAllowed) {
        Some("a text with `: ` inside it is quoted: `\"a: b\"`")
    } else if line.contains("~ /") {
        Some(
            "quote the expectation: its regular expression has characters that mean something else to YAML",
        )
    } else if behind.starts_with(['>', '%', '@', '`']) {
        Some("a text that begins with `>`, `%`, `@` or a backtick is quoted")
    } else {
        None
    };
    collector
        .error(
            Span::new(at, at),
            format!("not valid YAML: {}", error.info()),
        )
        .maybe_help(help.map(str::to_owned));
}
