//! Fits plain text into columns. Colour is added later around whole pieces, because escape sequences have no width.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::report::printable::printable;

/// Makes text from outside safe for a terminal: no control characters, and no tabs, whose width depends on their
/// column.
pub(in crate::report) fn plain(text: &str) -> String {
    printable(text).replace('\t', "    ")
}

/// Returns the width of a text in columns.
pub(in crate::report) fn width(text: &str) -> usize {
    text.width()
}

/// Cuts a text to at most `columns`; a cut text ends in `…`.
pub(in crate::report) fn cut(text: &str, room: Option<usize>) -> Cow<'_, str> {
    let Some(room) = room.filter(|room| width(text) > *room) else {
        return Cow::Borrowed(text);
    };
    let kept = &text[..fitting(text, room.saturating_sub(1))];
    Cow::Owned(format!("{}…", kept.trim_end()))
}

/// Breaks text into lines of at most `columns`, at spaces if possible; existing line ends stay.
pub(crate) fn wrap(text: &str, room: Option<usize>) -> Vec<String> {
    let Some(room) = room else {
        return text.lines().map(str::to_owned).collect();
    };
    text.lines()
        .flat_map(|line| wrap_line(line, room.max(2)))
        .collect()
}

fn wrap_line(line: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = line;
    while width(rest) > room {
        let fits = fitting(rest, room);
        // A space directly after the part that fits is as good a place as one within it.
        let space = rest[..fits + rest[fits..].chars().next().map_or(0, char::len_utf8)].rfind(' ');
        let at = space
            .filter(|at| !rest[..*at].trim().is_empty())
            .unwrap_or(fits);
        lines.push(rest[..at].trim_end().to_owned());
        rest = rest[at..].trim_start();
    }
    lines.push(rest.to_owned());
    lines
}

/// Returns the length in bytes of the longest prefix that fits into the columns; at least one character.
fn fitting(text: &str, room: usize) -> usize {
    let mut columns = 0;
    for (at, c) in text.char_indices() {
        columns += c.width().unwrap_or(0);
        if columns > room && at > 0 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_fits_is_unchanged() {
        assert_eq!(cut("abc", Some(3)), "abc");
        assert_eq!(cut("a long text", None), "a long text");
        assert_eq!(wrap("a b c", Some(5)), ["a b c"]);
    }

    #[test]
    fn cut_text_ends_in_an_ellipsis_and_keeps_to_its_columns() {
        assert_eq!(cut("abcdef", Some(4)), "abc…");
        assert_eq!(cut("日本語テスト", Some(6)), "日本…");
        assert_eq!(width(&cut("日本語テスト", Some(6))), 5);
    }

    #[test]
    fn lines_break_at_spaces_and_within_words_that_are_too_long() {
        assert_eq!(
            wrap("the quick brown fox", Some(9)),
            ["the quick", "brown fox"]
        );
        assert_eq!(wrap("abcdefgh ij", Some(4)), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("one\ntwo three", Some(5)), ["one", "two", "three"]);
        assert_eq!(wrap("日本語テスト", Some(5)), ["日本", "語テ", "スト"]);
    }

    #[test]
    fn nothing_is_lost_and_nothing_is_too_wide() {
        let text =
            "an expectation ± with µs and 日本語 and a-very-long-word-without-any-space at the end";
        for room in 4..60 {
            let lines = wrap(text, Some(room));
            assert!(
                lines.iter().all(|line| width(line) <= room),
                "{room}: {lines:?}"
            );
            let bare = |text: &str| text.replace(' ', "");
            assert_eq!(bare(&lines.concat()), bare(text));
        }
    }
}
