//! Explains syntax errors around texts of several lines, and around anchors.

use std::sync::LazyLock;

use regex::Regex;

use super::span::Span;
use super::yaml_advice::{Broken, Explained, form};

/// Lines of a text after `|` or `>` that are not indented: `lesson: |` above `Ports run out.`.
pub(super) fn unindented(broken: &Broken<'_>) -> Option<Explained> {
    static OPENS: LazyLock<Option<Regex>> =
        LazyLock::new(|| form(r"^\s*(?:- )?([\w.-]+):\s*[|>][+-]?\d?\s*$"));
    let indent = |line: &str| line.len() - line.trim_start().len();
    let (_, before) = broken.here_or_before().nth(1)?;
    let key = OPENS.as_ref()?.captures(before)?.get(1)?;
    let own = indent(broken.line);
    (own <= indent(before) && !broken.line.trim().is_empty()).then(|| Explained {
        span: Span::new(
            broken.line_start + own,
            broken.line_start + broken.line.trim_end().len(),
        ),
        message: format!(
            "not valid YAML: the text of `{}` is not indented",
            key.as_str()
        ),
        help: format!(
            "indent its lines by two spaces more than `{}`",
            key.as_str()
        ),
        other: None,
    })
}

/// An alias without its anchor: `*base`.
pub(super) fn alias(broken: &Broken<'_>) -> Option<Explained> {
    let behind = broken.text[broken.at..].strip_prefix('*')?;
    let name = behind
        .split(|letter: char| letter.is_whitespace() || ",]}".contains(letter))
        .next()
        .filter(|name| !name.is_empty())?;
    if !broken.error.contains("anchor") {
        return None;
    }
    Some(Explained {
        span: Span::new(broken.at, broken.at + 1 + name.len()),
        message: format!("not valid YAML: no anchor `&{name}` comes before `*{name}`"),
        help: format!(
            "write `&{name}` before the value that is meant, or quote the text: `\"*{name}\"`"
        ),
        other: None,
    })
}
