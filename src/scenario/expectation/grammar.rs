//! The grammar of expectations.
//!
//! ```text
//! line   = claim [window]
//! claim  = sum op sum ["±" number] | sum "in" sum ".." sum | sum ("~" | "!~") "/" regex "/"
//! sum    = product {("+" | "-") product}
//! product = unary {("*" | "/") unary}
//! unary  = {"-"} (number | path | name "(" sum ")" | "(" sum ")")
//! window = "at" number | "within" number | "during" number ".." number | "always" | "never"
//! ```
//!
//! A number takes its unit with it: in `1000 / 50/s` the second number is a rate. A `-` between letters belongs to a
//! name (`in-flight`); one between quantities has a space on at least its left.

mod terms;

use std::ops::Range;

use winnow::combinator::{alt, cut_err, delimited, empty, fail, opt, preceded, repeat, terminated};
use winnow::error::{ContextError, StrContext, StrContextValue};
use winnow::stream::Location;
use winnow::token::{literal, one_of, take_while};
use winnow::{LocatingSlice, ModalResult, Parser};

use self::terms::{number, sum};
use super::meant;
use super::syntax::{At, ClaimSyntax, Expr, ExprKind, Line, Number, WindowSyntax};
use crate::scenario::bounds::{MAX_EXPECTATION, MAX_PARENTHESES};
use crate::scenario::expr::{ArithmeticOp, CompareOp};
use crate::scenario::problem::quoted;
use crate::units;

type Input<'i> = LocatingSlice<&'i str>;

/// The words that may follow a claim.
const WINDOWS: &str = "`at`, `within`, `during`, `always` or `never`";

/// The reason why a line cannot be parsed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// Its place in the line.
    pub(crate) range: Range<usize>,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

pub(crate) fn parse(text: &str) -> Result<Line, Unreadable> {
    let written = text.trim_start();
    if written.starts_with('-')
        && written[1..].starts_with(|letter: char| letter.is_ascii_alphabetic())
    {
        let start = text.len() - written.len();
        return Err(Unreadable {
            range: start..start + 1,
            message: "a space is missing after `-`".to_owned(),
            help: Some("begin each expectation with `- `".to_owned()),
        });
    }
    parse_with(line, text)
}

/// Parses a quantity with an optional moment: `sum ["at" number]`.
pub(crate) fn parse_quantity(text: &str) -> Result<(Expr, Option<Number>), Unreadable> {
    let moment = |input: &mut Input<'_>| {
        let at = preceded(keyword("at"), preceded(blank, cut_err(number)));
        preceded(blank, opt(at)).parse_next(input)
    };
    parse_with((sum, moment), text)
}

fn parse_with<'i, T>(
    parser: impl Parser<Input<'i>, T, winnow::error::ErrMode<ContextError>>,
    text: &'i str,
) -> Result<T, Unreadable> {
    let whole = |message: String| Unreadable {
        range: 0..text.len(),
        message,
        help: None,
    };
    if text.len() > MAX_EXPECTATION {
        return Err(whole(format!(
            "an expectation may have at most {MAX_EXPECTATION} bytes"
        )));
    }
    if parentheses(text) > MAX_PARENTHESES {
        return Err(whole(format!(
            "more than {MAX_PARENTHESES} nested parentheses"
        )));
    }
    terminated(parser, end)
        .parse(LocatingSlice::new(text))
        .map_err(|error| unreadable(text, error.offset(), error.inner()))
}

/// Returns true if a line has the form of an expectation.
pub(super) fn reads(text: &str) -> bool {
    text.len() <= MAX_EXPECTATION
        && parentheses(text) <= MAX_PARENTHESES
        && terminated(line, end)
            .parse(LocatingSlice::new(text))
            .is_ok()
}

/// Parses an expression without a comparison.
pub(crate) fn arithmetic(text: &str) -> Result<Expr, Unreadable> {
    parse_with(cut_err(sum), text)
}

fn parentheses(text: &str) -> usize {
    let mut open = 0_usize;
    let mut most = 0;
    for byte in text.bytes() {
        match byte {
            b'(' => open += 1,
            b')' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

fn unreadable(text: &str, offset: usize, error: &ContextError) -> Unreadable {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let rest = &text[offset..];
    let blank = rest.len() - rest.trim_start().len();
    let (start, rest) = (offset + blank, rest.trim_start());
    let word_end = rest
        .find(|letter: char| letter.is_whitespace())
        .unwrap_or(rest.len());
    // The innermost expectation was attached first.
    let expected = error
        .context()
        .find_map(|context| match context {
            StrContext::Expected(StrContextValue::Description(text)) => Some(*text),
            _ => None,
        })
        .unwrap_or("something else");
    let word = quoted(&rest[..word_end]);
    let message = if expected == WINDOWS {
        format!("unexpected {word}; use {WINDOWS}")
    } else if rest.is_empty() {
        format!("expected {expected}, found the end")
    } else {
        format!("expected {expected}, found {word}")
    };
    let help = if let Some(line) = meant::meant(text) {
        Some(format!("write `{line}`"))
    } else if let Some([first, second]) = meant::joined(text) {
        Some(format!(
            "each line is one comparison: write `{first}` and `{second}`"
        ))
    } else if ["since ", "from ", "starting "]
        .iter()
        .any(|word| rest.starts_with(word))
    {
        Some("a window has two ends: `during 1s..10s`".to_owned())
    } else if ["at", "within", "during", "always", "never"].contains(&&rest[..word_end]) {
        Some("an expectation has one window: keep one of them".to_owned())
    } else if rest.starts_with("and ") || rest.starts_with("&&") {
        Some("each line is one comparison: write two expectations".to_owned())
    } else if text
        .split_once(rest)
        .is_some_and(|(before, _)| reads(before))
        && reads(rest)
    {
        Some("these are two expectations: begin each with `- `".to_owned())
    } else if rest.starts_with("||") || rest.starts_with("or ") {
        Some("an expectation is one comparison; `in 1..5` is for a range".to_owned())
    } else if rest.starts_with(['<', '>', '=', '!']) {
        Some("each line is one comparison; `in 1..5` is for a range".to_owned())
    } else if rest.is_empty() && reads(&format!("{text} == 0")) {
        Some(if text.contains('.') {
            format!("compare it: `{} >= 1`", text.trim())
        } else {
            "a comparison has two sides, as in `web.accepted >= 1`".to_owned()
        })
    } else if rest.is_empty() && reads(&format!("{text}..10")) {
        Some(format!("a range has two ends: `{}..10`", text.trim()))
    } else if expected.starts_with("a regular expression") {
        Some(format!(
            "write it between slashes: `~ /{}/`",
            rest.trim_matches(['/', '"', '\''])
        ))
    } else {
        None
    };
    Unreadable {
        range: start..start + word_end,
        message,
        help,
    }
}

fn expected(what: &'static str) -> StrContext {
    StrContext::Expected(StrContextValue::Description(what))
}

/// Allows blanks on both sides.
fn token<'i, T>(
    parser: impl Parser<Input<'i>, T, winnow::error::ErrMode<ContextError>>,
) -> impl Parser<Input<'i>, T, winnow::error::ErrMode<ContextError>> {
    delimited(blank, parser, blank)
}

fn blank(input: &mut Input<'_>) -> ModalResult<()> {
    take_while(0.., char::is_whitespace)
        .void()
        .parse_next(input)
}

fn end(input: &mut Input<'_>) -> ModalResult<()> {
    blank(input)?;
    if input.is_empty() {
        return Ok(());
    }
    cut_err(fail).context(expected(WINDOWS)).parse_next(input)
}

fn at<'i, T>(
    parser: impl Parser<Input<'i>, T, winnow::error::ErrMode<ContextError>>,
) -> impl Parser<Input<'i>, At<T>, winnow::error::ErrMode<ContextError>> {
    parser.with_span().map(|(value, range)| At { value, range })
}

/// Matches a whole word.
fn keyword<'i>(
    word: &'static str,
) -> impl Parser<Input<'i>, (), winnow::error::ErrMode<ContextError>> {
    move |input: &mut Input<'i>| {
        let found = name(input)?;
        if found == word {
            Ok(())
        } else {
            fail.parse_next(input)
        }
    }
}

fn name<'i>(input: &mut Input<'i>) -> ModalResult<&'i str> {
    let text: &str = input;
    let length = name_length(text, false);
    if length == 0 {
        return fail.parse_next(input);
    }
    winnow::token::take(length).parse_next(input)
}

/// Takes this many bytes, which end between two characters. `take` counts characters, and `µ` has two bytes.
fn bytes<'i>(
    length: usize,
) -> impl Parser<Input<'i>, &'i str, winnow::error::ErrMode<ContextError>> {
    move |input: &mut Input<'i>| {
        let text: &str = input;
        let characters = text[..length].chars().count();
        winnow::token::take(characters).parse_next(input)
    }
}

/// Letters, digits and `_`, beginning with a letter; `-` and, in a path, `.` between them, and `:` before a number.
fn name_length(text: &str, path: bool) -> usize {
    let bytes = text.as_bytes();
    let letter = |at: usize| {
        bytes
            .get(at)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    if !bytes
        .first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
    {
        return 0;
    }
    let mut end = 1;
    loop {
        match bytes.get(end) {
            Some(b'-') if letter(end + 1) => end += 1,
            Some(b'.') if path && letter(end + 1) => end += 1,
            Some(b':') if path && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) => end += 1,
            _ if letter(end) => end += 1,
            _ => return end,
        }
    }
}

fn line(input: &mut Input<'_>) -> ModalResult<Line> {
    Ok(Line {
        claim: claim(input)?,
        window: window(input)?,
    })
}

/// The operator between the sides of a claim.
#[derive(Clone, Copy)]
enum Operator {
    Compare(CompareOp),
    Matches { negated: bool },
    In,
}

fn operator(input: &mut Input<'_>) -> ModalResult<Operator> {
    alt((
        literal("==").value(Operator::Compare(CompareOp::Equal)),
        literal("!=").value(Operator::Compare(CompareOp::NotEqual)),
        literal("<=").value(Operator::Compare(CompareOp::LessOrEqual)),
        literal(">=").value(Operator::Compare(CompareOp::GreaterOrEqual)),
        literal("<").value(Operator::Compare(CompareOp::Less)),
        literal(">").value(Operator::Compare(CompareOp::Greater)),
        literal("!~").value(Operator::Matches { negated: true }),
        literal("~").value(Operator::Matches { negated: false }),
        keyword("in").value(Operator::In),
    ))
    .parse_next(input)
}

fn claim(input: &mut Input<'_>) -> ModalResult<ClaimSyntax> {
    let left = cut_err(sum).parse_next(input)?;
    blank(input)?;
    let op = cut_err(at(operator))
        .context(expected(
            "one of `==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `~`, `!~`",
        ))
        .parse_next(input)?;
    Ok(match op.value {
        Operator::Compare(compare) => ClaimSyntax::Compare {
            left,
            op: At {
                value: compare,
                range: op.range,
            },
            right: cut_err(sum).parse_next(input)?,
            tolerance: tolerance(input)?,
        },
        Operator::In => {
            let low = cut_err(sum).parse_next(input)?;
            dots(input)?;
            ClaimSyntax::In {
                value: left,
                low,
                high: cut_err(sum).parse_next(input)?,
            }
        }
        Operator::Matches { negated } => {
            blank(input)?;
            ClaimSyntax::Matches {
                metric: left,
                regex: cut_err(at(regex))
                    .context(expected("a regular expression like `/text/`"))
                    .parse_next(input)?,
                negated,
            }
        }
    })
}

fn dots(input: &mut Input<'_>) -> ModalResult<()> {
    cut_err(token(literal("..")))
        .context(expected("`..`, as in `1..5`"))
        .void()
        .parse_next(input)
}

fn tolerance(input: &mut Input<'_>) -> ModalResult<Option<Number>> {
    opt(preceded(
        token(alt((literal("±"), literal("+-"), literal("+/-")))),
        cut_err(number).context(expected("a tolerance like `2%` or `5`")),
    ))
    .parse_next(input)
}

/// Matches a regular expression between slashes; `\/` is a slash.
fn regex(input: &mut Input<'_>) -> ModalResult<String> {
    let text: &str = input;
    if !text.starts_with('/') {
        return fail.parse_next(input);
    }
    let mut regex = String::new();
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((index, letter)) = letters.next() {
        match letter {
            '/' => {
                bytes(index + 1).void().parse_next(input)?;
                return Ok(regex);
            }
            '\\' if letters.peek().is_some_and(|(_, next)| *next == '/') => {
                regex.push('/');
                letters.next();
            }
            '\\' => {
                regex.push('\\');
                regex.extend(letters.next().map(|(_, escaped)| escaped));
            }
            other => regex.push(other),
        }
    }
    fail.parse_next(input)
}

fn window(input: &mut Input<'_>) -> ModalResult<WindowSyntax> {
    blank(input)?;
    let time = || preceded(blank, cut_err(number)).context(expected("a time like `5s`"));
    alt((
        preceded(keyword("at"), time()).map(WindowSyntax::At),
        preceded(keyword("within"), time()).map(WindowSyntax::Within),
        preceded(keyword("during"), (time(), dots, time()))
            .map(|(from, (), to)| WindowSyntax::During(from, to)),
        keyword("always").value(WindowSyntax::Always),
        keyword("never").value(WindowSyntax::Never),
        empty.value(WindowSyntax::End),
    ))
    .parse_next(input)
}

#[cfg(test)]
mod tests;
