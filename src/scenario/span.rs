//! Positions in the text of a scenario file, carried by everything read from it.

use super::place::Place;

/// A range of bytes of the text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    /// Offset of the first byte.
    pub(crate) start: usize,
    /// Offset of the byte after the last.
    pub(crate) end: usize,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self {
            start,
            end: end.max(start),
        }
    }
}

/// A value with its position in the text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// The text of a scenario, indexed by line.
#[derive(Debug)]
pub(crate) struct SourceText<'t> {
    pub(crate) text: &'t str,
    line_starts: Vec<usize>,
}

impl<'t> SourceText<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let line_starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self { text, line_starts }
    }

    /// Returns the line and column of a byte, or of the character that contains it.
    pub(crate) fn place(&self, offset: usize) -> Place {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts[line - 1];
        Place {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(self.text[start..offset].chars().count() + 1).unwrap_or(u32::MAX),
        }
    }

    /// Returns the text of a range; empty if the range is not in the text.
    pub(crate) fn slice(&self, span: Span) -> &'t str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_count_from_one() {
        let source = SourceText::new("a\nµ± x\n");
        assert_eq!(source.place(0), Place { line: 1, column: 1 });
        assert_eq!(source.place("a\nµ± ".len()), Place { line: 2, column: 4 });
        assert_eq!(source.place(3), Place { line: 2, column: 1 });
        assert_eq!(source.place(1000), Place { line: 3, column: 1 });
    }
}
