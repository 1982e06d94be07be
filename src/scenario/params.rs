//! Fills parameters into a tree: `$name` and `${name}`; `$$` is a dollar.
//!
//! `${name.address}` and `${files}` are not parameters; they stay for the commands, which know their node.
//! `cases` finds the values of the parameters.

use std::collections::BTreeMap;

use super::bounds::MAX_FILLED;
use super::node::{Node, NodeKind, Origin, Piece, Scalar};
use super::problem::{Collector, quoted};
use super::span::Span;
use super::suggest;

/// Keys with text for readers, in which a dollar is a dollar, and the exercises, whose texts are filled per value.
const PROSE: [&str; 7] = [
    "title",
    "claim",
    "truth",
    "source",
    "lesson",
    "tags",
    "exercises",
];

/// Fills the parameters into every value of a document. Keys stay as they are.
pub(crate) fn fill(root: &mut Node, values: &BTreeMap<String, String>, cx: &mut Collector<'_>) {
    let mut filler = ParameterFiller {
        values,
        room: MAX_FILLED,
        cx,
    };
    let NodeKind::Mapping(entries) = &mut root.kind else {
        return;
    };
    for entry in entries {
        if !PROSE.contains(&entry.key.text.as_str()) {
            let commands = entry.key.text == "commands";
            filler.node(&mut entry.value, commands);
        }
    }
}

/// Fills the parameters into every value of a part of a document.
pub(crate) fn fill_node(
    node: &mut Node,
    values: &BTreeMap<String, String>,
    cx: &mut Collector<'_>,
) {
    ParameterFiller {
        values,
        room: MAX_FILLED,
        cx,
    }
    .node(node, false);
}

/// Fills the parameters into one text.
pub(crate) fn fill_scalar(
    scalar: &mut Scalar,
    span: Span,
    values: &BTreeMap<String, String>,
    cx: &mut Collector<'_>,
) {
    ParameterFiller {
        values,
        room: MAX_FILLED,
        cx,
    }
    .scalar(scalar, span, false);
}

struct ParameterFiller<'a, 'c, 't> {
    values: &'a BTreeMap<String, String>,
    /// Number of bytes that may still be filled in.
    room: usize,
    cx: &'c mut Collector<'t>,
}

/// A use of the dollar sign.
enum Dollar<'s> {
    /// `$$`, which stands for a dollar.
    Escaped,
    /// `$name` or `${name}`, which stands for a value.
    Parameter(&'s str),
    /// `${name.field}`, or `${files}` if no parameter has that name.
    Reference,
    /// `${` without a valid name.
    Malformed,
    /// A dollar that stands for itself.
    Plain,
}

impl ParameterFiller<'_, '_, '_> {
    fn node(&mut self, node: &mut Node, references: bool) {
        match &mut node.kind {
            NodeKind::Null | NodeKind::Broken => {}
            NodeKind::Scalar(scalar) => {
                let before = self.cx.count();
                self.scalar(scalar, node.span, references);
                if self.cx.count() > before {
                    node.kind = NodeKind::Broken;
                }
            }
            NodeKind::List(items) => items
                .iter_mut()
                .for_each(|item| self.node(item, references)),
            NodeKind::Mapping(entries) => entries
                .iter_mut()
                .for_each(|entry| self.node(&mut entry.value, references)),
        }
    }

    fn scalar(&mut self, scalar: &mut Scalar, span: Span, references: bool) {
        if !scalar.text.contains('$') {
            return;
        }
        let mut filled = Scalar {
            text: String::new(),
            pieces: Vec::new(),
            plain: scalar.plain,
        };
        let mut from = 0;
        while let Some(found) = scalar.text[from..].find('$') {
            let at = from + found;
            copy(scalar, from, at, &mut filled);
            let (dollar, len) = read(&scalar.text[at..], self.values);
            let place = scalar.locate(at, at + len).unwrap_or(span);
            let mut push = |text: &str, origin| {
                filled.pieces.push(Piece {
                    at: filled.text.len(),
                    source: place,
                    origin,
                });
                filled.text.push_str(text);
            };
            let written = &scalar.text[at..at + len];
            match dollar {
                Dollar::Escaped => push("$", Origin::Filled),
                Dollar::Plain => copy(scalar, at, at + len, &mut filled),
                Dollar::Reference if references => push(written, Origin::Reference),
                Dollar::Reference => {
                    self.cx
                        .error(place, format!("{} cannot be filled in here", quoted(written)))
                        .help(
                        "addresses, ports and `${files}` are filled into the `run`, `env` and `files` of \
                        commands; for a dollar write `$$`",
                        );
                }
                Dollar::Malformed => {
                    self.cx
                        .error(place, format!("{} is not a parameter", quoted(written)))
                        .help("write `${name}`; for a dollar write `$$`");
                }
                Dollar::Parameter(name) => {
                    if let Some(value) = self.values.get(name) {
                        if value.len() > self.room {
                            self.cx.error(
                                place,
                                format!("parameters fill in more than {MAX_FILLED} bytes"),
                            );
                            return;
                        }
                        self.room -= value.len();
                        push(value, Origin::Filled);
                    } else {
                        self.unknown(name, place);
                    }
                }
            }
            from = at + len;
        }
        copy(scalar, from, scalar.text.len(), &mut filled);
        *scalar = filled;
    }

    fn unknown(&mut self, name: &str, place: Span) {
        let known = self.values.keys().map(String::as_str);
        let help = suggest::nearest(name, known).map_or_else(
            || format!("declare it: `params: {{ {name}: VALUE }}`; for a dollar write `$${name}`"),
            |near| format!("did you mean `{near}`?"),
        );
        self.cx
            .error(place, format!("unknown parameter {}", quoted(name)))
            .label("not in `params` or `matrix`")
            .help(help);
    }
}

/// Copies a range of a scalar, with the pieces that it comes from.
fn copy(from: &Scalar, start: usize, end: usize, to: &mut Scalar) {
    if start >= end {
        return;
    }
    let piece = from.pieces.iter().rev().find(|piece| piece.at <= start);
    if let Some(piece) = piece {
        let skipped = start - piece.at;
        let source = match piece.origin {
            Origin::Verbatim => Span::new(piece.source.start + skipped, piece.source.end),
            _ => piece.source,
        };
        to.pieces.push(Piece {
            at: to.text.len(),
            source,
            origin: piece.origin,
        });
    }
    to.text.push_str(&from.text[start..end]);
}

/// Reads the use of the dollar at the start of a text, and returns it with its length in bytes.
fn read<'s>(text: &'s str, values: &BTreeMap<String, String>) -> (Dollar<'s>, usize) {
    let rest = &text[1..];
    if rest.starts_with('$') {
        return (Dollar::Escaped, 2);
    }
    if let Some(braced) = rest.strip_prefix('{') {
        let Some(end) = braced.find('}') else {
            return (Dollar::Malformed, 2);
        };
        let name = &braced[..end];
        let dollar = match name.split_once('.') {
            Some((subject, field)) if is_name(subject) && is_name(field) => Dollar::Reference,
            None if name == "files" && !values.contains_key(name) => Dollar::Reference,
            None if is_name(name) => Dollar::Parameter(name),
            _ => Dollar::Malformed,
        };
        return (dollar, end + 3);
    }
    let mut name = word(rest);
    if name.is_empty() {
        return (Dollar::Plain, 1);
    }
    // `$a-1` is `$a` and `-1`, unless a parameter is called `a-1`.
    while !values.contains_key(name) {
        match name.rfind('-') {
            Some(hyphen) => name = &name[..hyphen],
            None => break,
        }
    }
    (Dollar::Parameter(name), 1 + name.len())
}

fn word(text: &str) -> &str {
    if !text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        return "";
    }
    let end = text
        .find(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-')))
        .unwrap_or(text.len());
    &text[..end]
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && word(text).len() == text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, values: &[(&str, &str)]) -> (Scalar, usize) {
        let source = format!("x: {text}");
        let mut cx = Collector::new(&source);
        let mut scalar = Scalar {
            text: text.to_owned(),
            pieces: vec![Piece {
                at: 0,
                source: Span::new(3, 3 + text.len()),
                origin: Origin::Verbatim,
            }],
            plain: true,
        };
        let values = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        fill_scalar(&mut scalar, Span::new(3, 3 + text.len()), &values, &mut cx);
        (scalar, cx.count())
    }

    #[test]
    fn every_way_to_write_a_parameter_is_filled_in() {
        let values = [("rate", "50/s"), ("min-rate", "5/s"), ("a", "1")];
        for (text, expected) in [
            ("$rate", "50/s"),
            ("${rate}", "50/s"),
            ("1000 / $rate", "1000 / 50/s"),
            ("$min-rate", "5/s"),
            ("$a-1", "1-1"),
            ("$$rate", "$rate"),
            ("/end$/", "/end$/"),
            ("$1", "$1"),
            ("${a}${a}", "11"),
        ] {
            let (scalar, problems) = filled(text, &values);
            assert_eq!((scalar.text.as_str(), problems), (expected, 0), "{text}");
        }
    }

    #[test]
    fn unknown_and_malformed_parameters_are_problems() {
        for text in ["$rat", "${rat}", "${}", "${web.address}", "${a:-b}", "${a"] {
            assert_eq!(filled(text, &[("rate", "50/s")]).1, 1, "{text}");
        }
    }

    #[test]
    fn places_after_a_filled_in_parameter_are_those_of_the_file() {
        let (scalar, _) = filled("1000 / $r + x.y", &[("r", "50000/s")]);
        assert_eq!(scalar.text, "1000 / 50000/s + x.y");
        let start = scalar.text.find("x.y").unwrap();
        // `x: 1000 / $r + x.y`
        assert_eq!(scalar.locate(start, start + 3), Some(Span::new(15, 18)));
        let start = scalar.text.find("50000/s").unwrap();
        assert_eq!(scalar.locate(start, start + 7), Some(Span::new(10, 12)));
    }
}
