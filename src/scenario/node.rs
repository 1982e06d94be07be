//! A scenario's text as a tree: mappings, lists and scalars as written, each with its place.
//!
//! Not here: how it is read from YAML (`yaml`), what it means (`document`).

use super::span::Span;

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Where the value is.
    pub(crate) span: Span,
    /// Where to point when the value as a whole is wrong: its key, or itself where it has none.
    pub(crate) head: Span,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// Text, not yet a number or anything else.
    Scalar(Scalar),
    /// `[a, b]`, or lines that begin with `-`.
    List(Vec<Node>),
    /// What a problem has been told of: nothing more is said about it.
    Broken,
    /// `{a: b}`, or lines `a: b`. Keys are unique.
    Mapping(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: Scalar,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

/// Text as it is meant: quotes, escapes and line folding undone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Which part of `text` comes from where in the file, in order.
    pub(crate) pieces: Vec<Piece>,
    /// Written without quotes.
    pub(crate) plain: bool,
}

/// A part of a scalar's text: from `at` to the next piece.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Piece {
    /// Where it begins in the scalar's text.
    pub(crate) at: usize,
    /// What it was in the file.
    pub(crate) source: Span,
    /// How it came from there.
    pub(crate) origin: Origin,
}

/// How a part of a text came from the file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Origin {
    /// Byte by byte.
    Verbatim,
    /// Through escapes or line folding: no byte of it can be pointed at.
    Decoded,
    /// It is what a parameter, or `$$`, stood for.
    Filled,
    /// It is `${NAME.address}`, still to be filled in.
    Reference,
}

impl Scalar {
    /// Where a range of the text stands in the file, where that is known.
    pub(crate) fn locate(&self, start: usize, end: usize) -> Option<Span> {
        let from = self.byte(start)?.start;
        let to = match end.checked_sub(1) {
            Some(last) if last >= start => self.byte(last)?.end,
            _ => from,
        };
        Some(Span::new(from, to))
    }

    /// The byte of the file that a byte of the text comes from, or the whole reference it was filled in for.
    fn byte(&self, offset: usize) -> Option<Span> {
        let after = self.pieces.partition_point(|piece| piece.at <= offset);
        let piece = self.pieces.get(after.checked_sub(1)?)?;
        match piece.origin {
            Origin::Verbatim => {
                let at = piece.source.start + (offset - piece.at);
                Some(Span::new(at, at + 1))
            }
            Origin::Decoded => None,
            Origin::Filled | Origin::Reference => Some(piece.source),
        }
    }
}

impl Node {
    /// What people call it: completes "expected a duration, found ...".
    pub(crate) fn describe(&self) -> &'static str {
        match self.kind {
            Kind::Null | Kind::Broken => "nothing",
            Kind::Scalar(_) => "a single value",
            Kind::List(_) => "a list",
            Kind::Mapping(_) => "a mapping",
        }
    }

    /// The entries of a mapping; none of anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries()
            .iter()
            .find(|entry| entry.key.text == key)
            .map(|entry| &entry.value)
    }

    /// How many nodes the tree has, itself included.
    pub(crate) fn size(&self) -> usize {
        match &self.kind {
            Kind::Null | Kind::Broken | Kind::Scalar(_) => 1,
            Kind::List(items) => 1 + items.iter().map(Self::size).sum::<usize>(),
            Kind::Mapping(entries) => {
                1 + entries
                    .iter()
                    .map(|entry| 1 + entry.value.size())
                    .sum::<usize>()
            }
        }
    }
}
