//! Explains a syntax error of YAML: what is wrong, where it began and how it should look. The library's own message is
//! used if the mistake is not a known one.

use std::sync::LazyLock;

use regex::Regex;
use serde_yaml::granit_parser::{ErrorKind, ScanError};

use super::bounds::MAX_DEPTH;
use super::brackets::{self, Brackets};
use super::problem::{Collector, quoted};
use super::span::Span;
use super::yaml_text;

/// An error, with the lines around it.
pub(super) struct Broken<'t> {
    pub(super) text: &'t str,
    /// The offset at which the library noticed it.
    pub(super) at: usize,
    /// The offset of the line with it.
    pub(super) line_start: usize,
    pub(super) line: &'t str,
    pub(super) kind: ErrorKind,
    /// The library's own message.
    pub(super) error: String,
}

impl<'t> Broken<'t> {
    /// Returns the line with the error and the one before it, each with its offset.
    pub(super) fn here_or_before(&self) -> impl Iterator<Item = (usize, &'t str)> {
        let before = self.text[..self.line_start].trim_end_matches('\n');
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        [(self.line_start, self.line), (start, &before[start..])].into_iter()
    }
}

/// An explanation.
pub(super) struct Explained {
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) help: String,
    pub(super) other: Option<(Span, &'static str)>,
}

/// Reports a syntax error.
pub(crate) fn report(collector: &mut Collector<'_>, error: &ScanError) {
    let text = collector.source.text;
    let mut at = error.marker().byte_offset().unwrap_or(0).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let line_start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let broken = Broken {
        text,
        at,
        line_start,
        line: text[line_start..].lines().next().unwrap_or_default(),
        kind: error.kind().clone(),
        error: error.info(),
    };
    let explained = tab(&broken)
        .or_else(|| open_quote(&broken))
        .or_else(|| parameter(&broken))
        .or_else(|| space_before_bracket(&broken))
        .or_else(|| bracket(&broken))
        .or_else(|| space_after_colon(&broken))
        .or_else(|| yaml_text::unindented(&broken))
        .or_else(|| yaml_text::alias(&broken))
        .or_else(|| missing_colon(&broken))
        .or_else(|| indentation(&broken))
        .or_else(|| mixed(&broken))
        .or_else(|| needs_quotes(&broken));
    let Some(explained) = explained else {
        collector.error(
            Span::new(at, at),
            format!("not valid YAML: {}", error.info()),
        );
        return;
    };
    let problem = match explained.other {
        Some((other, label)) => {
            collector.error_between(explained.span, explained.message, other, label)
        }
        None => collector.error(explained.span, explained.message),
    };
    problem.help(explained.help);
}

pub(super) fn form(pattern: &'static str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

/// A tab in the indentation.
fn tab(broken: &Broken<'_>) -> Option<Explained> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let in_line = broken.line[..indent(broken.line)]
        .find('\t')
        .map(|tab| broken.line_start + tab);
    let behind = broken.text[broken.at..]
        .starts_with('\t')
        .then_some(broken.at);
    let at = in_line.or(behind)?;
    Some(Explained {
        span: Span::new(at, at + 1),
        message: "not valid YAML: a tab in the indentation".to_owned(),
        help: "indent with spaces, not with tabs: two for each level".to_owned(),
        other: None,
    })
}

/// A quote that is not closed on its line: `- "load.failed == 0`.
fn open_quote(broken: &Broken<'_>) -> Option<Explained> {
    static OPEN: LazyLock<Option<Regex>> =
        LazyLock::new(|| form(r#"(?m)^\s*(?:- )*(?:[\w.-]+: +)?(?:"([^"\n]*)|'([^'\n]*))$"#));
    if !broken.error.contains("quoted scalar") {
        return None;
    }
    let before = &broken.text[..broken.at];
    let found = OPEN.as_ref()?.captures_iter(before).last()?;
    let inside = found.get(1).or_else(|| found.get(2))?;
    let quote = &broken.text[inside.start() - 1..inside.start()];
    Some(Explained {
        span: Span::new(inside.start() - 1, inside.start()),
        message: format!("not valid YAML: the quote {quote} is not closed"),
        help: format!("close it: `{quote}{}{quote}`", inside.as_str().trim_end()),
        other: None,
    })
}

/// An entry of a list beside entries of a mapping: `- client` above `server: {}`.
fn mixed(broken: &Broken<'_>) -> Option<Explained> {
    let own = broken.line.len() - broken.line.trim_start_matches(' ').len();
    let above = broken.text[..broken.line_start].lines().rev();
    let mut above =
        above.filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    let beside = above.find(|line| line.len() - line.trim_start_matches(' ').len() <= own)?;
    if beside.len() - beside.trim_start_matches(' ').len() != own {
        return None;
    }
    let (is_item, before_is_item) = (is_item(broken.line), is_item(beside));
    let item = if is_item { broken.line } else { beside };
    let name = item.trim_start_matches([' ', '-']).trim_end();
    (is_item != before_is_item).then(|| Explained {
        span: Span::new(
            broken.line_start + own,
            broken.line_start + broken.line.trim_end().len(),
        ),
        message: "not valid YAML: an item of a list (`- `) beside an entry of a mapping (`name: `)"
            .to_owned(),
        help: match name.contains(':') {
            true => format!("if both are entries, write `{name}` without `-`"),
            false => format!(
                "if both are entries, write `{name}: {{}}`; if both are items, begin each with `- `"
            ),
        },
        other: None,
    })
}

fn is_item(line: &str) -> bool {
    line.trim_start().starts_with("- ")
}

/// `${rate}` inside braces.
fn parameter(broken: &Broken<'_>) -> Option<Explained> {
    let behind = &broken.text[broken.at..];
    (broken.line.contains("${") && behind.starts_with('{')).then(|| Explained {
        span: Span::new(broken.at, broken.at),
        message: "not valid YAML: `{` after `$`".to_owned(),
        help: "inside `{...}` write a parameter as `$name`, or quote it: `\"${name}\"`".to_owned(),
        other: None,
    })
}

/// `client:{` inside brackets.
fn space_before_bracket(broken: &Broken<'_>) -> Option<Explained> {
    let behind = &broken.text[broken.at..];
    if !behind.starts_with(":{") && !behind.starts_with(":[") {
        return None;
    }
    let before = broken.text[..broken.at]
        .rsplit([' ', ',', '{', '[', '\n'])
        .next()?;
    Some(Explained {
        span: Span::new(broken.at, broken.at + 1),
        message: format!("not valid YAML: a space is missing after `{before}:`"),
        help: format!("write `{before}: {}`", &behind[1..2]),
        other: None,
    })
}

/// A bracket that is not closed, or closes nothing, and entries without a comma between them.
fn bracket(broken: &Broken<'_>) -> Option<Explained> {
    let noticed = Span::new(broken.at, broken.at);
    let name = |at: usize| &broken.text[at..=at];
    let closing = |at: usize| if name(at) == "{" { "}" } else { "]" };
    // The library may stop before the bracket that is too much.
    let line_end = broken.line_start + broken.line.len();
    if let Brackets::Stray(stray, open) = brackets::up_to(broken.text, line_end) {
        return Some(match open {
            Some(open) => Explained {
                span: Span::new(stray, stray + 1),
                message: format!(
                    "not valid YAML: `{}` where `{}` should close",
                    name(stray),
                    closing(open)
                ),
                help: format!("write `{}` before it, or in its place", closing(open)),
                other: Some((Span::new(open, open + 1), "opened here")),
            },
            None => Explained {
                span: Span::new(stray, stray + 1),
                message: format!("not valid YAML: `{}` closes nothing", name(stray)),
                help: "remove it, or open a bracket before it".to_owned(),
                other: None,
            },
        });
    }
    if broken.text[broken.at..].starts_with(['}', ']'])
        && brackets::up_to(broken.text, broken.at) == Brackets::Balanced
    {
        return Some(Explained {
            span: Span::new(broken.at, broken.at + 1),
            message: format!("not valid YAML: `{}` closes nothing", name(broken.at)),
            help: "remove it, or open a bracket before it".to_owned(),
            other: None,
        });
    }
    let Brackets::Open(open) = brackets::up_to(broken.text, broken.at) else {
        return None;
    };
    let innermost = *open.last().filter(|_| open.len() <= MAX_DEPTH)?;
    let same_line = !broken.text[innermost..broken.at].contains('\n');
    let closed_later = matches!(brackets::up_to(broken.text, line_end), Brackets::Balanced);
    if same_line && closed_later {
        return comma(broken);
    }
    Some(Explained {
        span: Span::new(innermost, innermost + 1),
        message: format!("not valid YAML: `{}` is not closed", name(innermost)),
        help: match broken.text[innermost..].lines().next() {
            Some(rest) => format!(
                "close it: `{}{}`",
                quoted(rest.trim_end()).trim_matches('`'),
                closers(broken.text, &open, innermost)
            ),
            None => format!("close it with `{}`", closing(innermost)),
        },
        other: (!same_line && broken.at < broken.text.len()).then_some((noticed, "noticed here")),
    })
}

/// The brackets that close everything that is open on the line of the innermost one, ` }` or `] }`.
fn closers(text: &str, open: &[usize], innermost: usize) -> String {
    let line_start = text[..innermost].rfind('\n').map_or(0, |end| end + 1);
    let on_line = open.iter().rev().filter(|at| **at >= line_start);
    on_line
        .map(|at| {
            if text[*at..].starts_with('{') {
                " }"
            } else {
                "]"
            }
        })
        .collect()
}

/// Entries on one line without a comma between them: `{ node: web port: 80 }`.
fn comma(broken: &Broken<'_>) -> Option<Explained> {
    static ENTRIES: LazyLock<Option<Regex>> =
        LazyLock::new(|| form(r"([\w.-]+: +[^\s,{}\[\]]+) +([\w.-]+):( |$)"));
    let found = ENTRIES.as_ref()?.captures(broken.line)?;
    let (first, second) = (found.get(1)?, found.get(2)?);
    let is_other = first.as_str().ends_with(';');
    Some(Explained {
        span: Span::new(
            broken.line_start + first.start(),
            broken.line_start + second.end(),
        ),
        message: match is_other {
            true => "not valid YAML: `;` where a comma belongs".to_owned(),
            false => "not valid YAML: a comma is missing".to_owned(),
        },
        help: format!(
            "write `{}, {}: ...`",
            first.as_str().trim_end_matches(';'),
            second.as_str()
        ),
        other: None,
    })
}

/// `node:web` on a line of its own, here or on the line before.
fn space_after_colon(broken: &Broken<'_>) -> Option<Explained> {
    static ENTRY: LazyLock<Option<Regex>> =
        LazyLock::new(|| form(r"^(\s*(?:- )*)([A-Za-z_][\w.-]*):([^\s/:][^:]*)$"));
    broken.here_or_before().find_map(|(start, line)| {
        let found = ENTRY.as_ref()?.captures(line)?;
        let (indent, key, value) = (found.get(1)?, found.get(2)?, found.get(3)?);
        let colon = start + indent.end() + key.len();
        Some(Explained {
            span: Span::new(colon, colon + 1),
            message: format!(
                "not valid YAML: a space is missing after `{}:`",
                key.as_str()
            ),
            help: format!("write `{}: {}`", key.as_str(), value.as_str().trim_end()),
            other: None,
        })
    })
}

/// A line whose indentation fits no line above it.
fn indentation(broken: &Broken<'_>) -> Option<Explained> {
    let own = broken.line.len() - broken.line.trim_start_matches(' ').len();
    if broken.line.trim().is_empty()
        || own > broken.at - broken.line_start && broken.at > broken.line_start
    {
        return None;
    }
    /// Lines further above are not examined.
    const LINES: usize = 200;
    let above = &broken.text[..broken.line_start];
    let from = above
        .rmatch_indices('\n')
        .nth(LINES)
        .map_or(0, |(at, _)| at + 1);
    // The columns at which mappings and lists are open, with the line that began each.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut start = from;
    let mut last: Option<(usize, &str)> = None;
    while start < broken.line_start {
        let line = broken.text[start..].lines().next().unwrap_or_default();
        let content = line.trim_start_matches(' ');
        let indent = line.len() - content.len();
        let in_flow = matches!(
            brackets::up_to(&broken.text[from..], start - from),
            Brackets::Open(_)
        );
        if !content.is_empty() && !content.starts_with('#') && !in_flow {
            open.retain(|(column, _)| *column <= indent);
            if open.last().is_none_or(|(column, _)| *column < indent) {
                open.push((indent, start));
            }
            last = Some((start, line));
        }
        start += line.len() + 1;
    }
    let (last_start, last_line) = last?;
    let last_indent = last_line.len() - last_line.trim_start_matches(' ').len();
    let here = Span::new(broken.line_start, broken.line_start + own);
    let spaces = |count: usize| {
        if count == 1 {
            "1 space".to_owned()
        } else {
            format!("{count} spaces")
        }
    };
    if own > last_indent {
        let key = last_line.trim_start_matches([' ', '-']).split(':').next()?;
        let has_value = !last_line.trim_end().ends_with(':');
        return has_value.then(|| Explained {
            span: here,
            message: format!(
                "not valid YAML: this line is indented by {}, the one before by {}",
                spaces(own),
                spaces(last_indent)
            ),
            help: format!(
                "{} has its value already; entries beside it begin in the same column",
                quoted(key)
            ),
            other: Some((
                Span::new(last_start, last_start + last_indent),
                "the line before",
            )),
        });
    }
    if open.iter().any(|(column, _)| *column == own) {
        return None;
    }
    let (column, beside) = open.iter().rev().find(|(column, _)| *column > own)?;
    Some(Explained {
        span: here,
        message: format!(
            "not valid YAML: this line is indented by {}, the entries above by {}",
            spaces(own),
            spaces(*column)
        ),
        help: "entries of one mapping or list begin in the same column".to_owned(),
        other: Some((Span::new(*beside, *beside + *column), "indented like this")),
    })
}

/// A key without a colon: `client {}` or `nodes`.
fn missing_colon(broken: &Broken<'_>) -> Option<Explained> {
    static KEY: LazyLock<Option<Regex>> =
        LazyLock::new(|| form(r"^(\s*)([A-Za-z_][\w-]*)( +(\{.*|\[.*|\S+))?\s*$"));
    broken.here_or_before().find_map(|(start, line)| {
        let found = KEY.as_ref()?.captures(line)?;
        let key = found.get(2)?;
        let value = found
            .get(4)
            .map_or(String::new(), |value| format!(" {}", value.as_str()));
        Some(Explained {
            span: Span::new(start + key.start(), start + key.end()),
            message: format!(
                "not valid YAML: a colon is missing after {}",
                quoted(key.as_str())
            ),
            help: format!("write `{}:{value}`", key.as_str()),
            other: None,
        })
    })
}

/// A text with characters that have a meaning in YAML.
fn needs_quotes(broken: &Broken<'_>) -> Option<Explained> {
    static ENTRY: LazyLock<Option<Regex>> =
        LazyLock::new(|| form(r"^\s*((?:- )*(?:[\w.-]+: )?)(.*)$"));
    let behind = &broken.text[broken.at..];
    let found = ENTRY.as_ref().and_then(|entry| entry.captures(broken.line));
    let expectation = broken.line.find(" ~ /").and_then(|tilde| {
        let start = broken.line[..tilde]
            .rfind([' ', '[', '"'])
            .map_or(0, |at| at + 1);
        let end = broken.line.rfind('/')?;
        broken.line.get(start..=end)
    });
    let in_quotes = found.map(|found| {
        let text = found[2]
            .trim_end()
            .replace('\\', r"\\")
            .replace('"', "\\\"");
        format!("`{}\"{text}\"`", &found[1])
    });
    let why = if matches!(broken.kind, ErrorKind::MappingValueNotAllowed) {
        "a text that contains `: ` needs quotes"
    } else if broken.line.contains("~ /") {
        "an expectation whose regular expression has characters with a meaning in YAML needs quotes"
    } else if behind.starts_with(['>', '%', '@', '`', '*', '&', '|']) {
        "a text that begins with `>`, `%`, `@`, `*`, `&`, `|` or a backtick needs quotes"
    } else if broken
        .line
        .trim_start_matches([' ', '-'])
        .starts_with(['"', '\''])
    {
        "text follows the closing quote; put the whole line into quotes"
    } else {
        return None;
    };
    Some(Explained {
        span: Span::new(broken.at, broken.at),
        message: format!("not valid YAML: {why}"),
        help: match in_quotes {
            Some(form) if !form.contains('{') && !form.contains('[') => format!("write {form}"),
            _ => match expectation {
                Some(expectation) => format!("write `\"{}\"`", expectation.replace('\\', r"\\")),
                None => "put it into quotes: `\"a: b\"`".to_owned(),
            },
        },
        other: None,
    })
}
