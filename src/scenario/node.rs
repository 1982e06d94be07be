//! The text of a scenario as a tree: mappings, lists and scalars as written, each with its position.
//!
//! `yaml` builds the tree, `document` gives it meaning.

use super::span::Span;

/// A value with its position.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    /// The position of the value itself.
    pub(crate) span: Span,
    /// The position to show if the value as a whole is wrong: its key, or the value itself if it has no key.
    pub(crate) head: Span,
}

/// The form of a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NodeKind {
    /// An empty value, `~` or `null`.
    Null,
    /// Text that has not been read as a number or anything else yet.
    Scalar(Scalar),
    /// `[a, b]`, or lines that begin with `-`.
    List(Vec<Node>),
    /// A value with a problem that has already been reported; nothing more is reported about it.
    Broken,
    /// `{a: b}`, or lines `a: b`. Keys are unique.
    Mapping(Vec<MappingEntry>),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MappingEntry {
    pub(crate) key: Scalar,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

/// Text with quotes, escapes and line folding undone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// The origin of each part of `text`, in order.
    pub(crate) pieces: Vec<Piece>,
    /// True if written without quotes.
    pub(crate) plain: bool,
}

/// A part of a scalar's text: from `at` to the next piece.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Piece {
    /// Offset in the scalar's text.
    pub(crate) at: usize,
    /// The corresponding bytes of the file.
    pub(crate) source: Span,
    /// The way in which the text was derived from `source`.
    pub(crate) origin: Origin,
}

/// The way in which a part of a text was derived from the file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Origin {
    /// Copied byte by byte.
    Verbatim,
    /// Decoded from escapes or line folding: its bytes have no positions of their own.
    Decoded,
    /// Filled in for a parameter or `$$`.
    Filled,
    /// `${NAME.address}`, still to be filled in.
    Reference,
}

impl Scalar {
    /// Returns the position in the file of a range of the text, if it is known.
    pub(crate) fn locate(&self, start: usize, end: usize) -> Option<Span> {
        let from = self.byte(start)?.start;
        let to = match end.checked_sub(1) {
            Some(last) if last >= start => self.byte(last)?.end,
            _ => from,
        };
        Some(Span::new(from, to))
    }

    /// Returns the byte of the file that a byte of the text comes from, or the whole reference that it
    /// was filled in for.
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
    /// Returns a description that completes "expected a duration, found ...".
    pub(crate) fn describe(&self) -> &'static str {
        match self.kind {
            NodeKind::Null | NodeKind::Broken => "nothing",
            NodeKind::Scalar(_) => "a single value",
            NodeKind::List(_) => "a list",
            NodeKind::Mapping(_) => "a mapping",
        }
    }

    /// Returns the entries of a mapping; an empty slice for anything else.
    pub(crate) fn entries(&self) -> &[MappingEntry] {
        match &self.kind {
            NodeKind::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries()
            .iter()
            .find(|entry| entry.key.text == key)
            .map(|entry| &entry.value)
    }

    /// Returns the number of nodes in the tree, itself included.
    pub(crate) fn size(&self) -> usize {
        match &self.kind {
            NodeKind::Null | NodeKind::Broken | NodeKind::Scalar(_) => 1,
            NodeKind::List(items) => 1 + items.iter().map(Self::size).sum::<usize>(),
            NodeKind::Mapping(entries) => {
                1 + entries
                    .iter()
                    .map(|entry| 1 + entry.value.size())
                    .sum::<usize>()
            }
        }
    }
}
