//! Makes text from outside (a program's output, a kernel message, a file name) safe to show.

use std::borrow::Cow;

/// Makes control characters visible, so that an escape sequence in a program's output neither controls the reader's
/// terminal nor makes an XML file ill-formed. Line feeds and tabs stay.
///
/// A carriage return at the end of a line is dropped. Other C0 controls and DEL become their pictures (Unicode block
/// 2400). C1 controls, characters that reorder text (Unicode UAX 9) and the noncharacters that XML 1.0 forbids (its
/// production `Char`) become U+FFFD.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| shown(c) == c) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.replace("\r\n", "\n").chars().map(shown).collect())
    }
}

/// Does the same, but leaves colours: `ESC [`, digits and semicolons, `m` (ECMA-48, SGR). They are the only control
/// sequences that nslab writes. A colour from outside lasts at most until nslab writes its next coloured line.
pub(crate) fn printable_with_colours(text: &str) -> Cow<'_, str> {
    if !text.contains('\x1b') {
        return printable(text);
    }
    let mut safe = String::with_capacity(text.len());
    let mut parts = text.split("\x1b[");
    safe.push_str(&printable(parts.next().unwrap_or_default()));
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit() && c != ';');
        match end.filter(|end| part[*end..].starts_with('m')) {
            Some(_) => safe.push_str("\x1b["),
            None => safe.push_str("\u{241b}["),
        }
        safe.push_str(&printable(part));
    }
    Cow::Owned(safe)
}

/// Does the same and replaces line feeds and tabs by spaces.
pub(crate) fn one_line(text: &str) -> String {
    let text = text
        .trim()
        .replace("\r\n", " ")
        .replace(['\n', '\r', '\t'], " ");
    printable(&text).into_owned()
}

fn shown(c: char) -> char {
    match c {
        '\n' | '\t' => c,
        '\0'..='\x1f' => {
            char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        '\x7f' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{fffe}'
        | '\u{ffff}' => char::REPLACEMENT_CHARACTER,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_and_have_no_effect() {
        assert_eq!(
            printable("a\x1b[31mred\0\x7f\u{9b}\u{ffff}"),
            "a␛[31mred␀␡\u{fffd}\u{fffd}"
        );
        assert_eq!(printable("two\nlines\tand a tab"), "two\nlines\tand a tab");
    }

    #[test]
    fn only_colours_pass_the_gate_of_the_terminal() {
        for (text, shown) in [
            ("\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"),
            ("a\x1b[2Jb\x1b]0;title\x07c", "a␛[2Jb␛]0;title␇c"),
            ("\x1b[31", "␛[31"),
            ("\x1b[\x1b[31m", "␛[\x1b[31m"),
            ("\u{9b}2J", "\u{fffd}2J"),
        ] {
            assert_eq!(printable_with_colours(text), shown);
        }
    }

    #[test]
    fn one_line_has_no_line_ends() {
        assert_eq!(one_line(" a\r\nb\nc\rd\te\n"), "a b c d e");
    }

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(printable("±, µs, 日本"), Cow::Borrowed(_)));
    }
}
