//! The filter language, which selects runs, modelled on nextest's.
//!
//! ```text
//! filter = and {("or" | "|") and}
//! and    = not {("and" | "&") not}
//! not    = {"not" | "!"} (field "(" pattern ")" | "all()" | "none()" | "(" filter ")")
//! field  = "name" | "file" | "tag" | "variant" | "case"
//! ```
//!
//! Patterns are parsed in `pattern`; names that match nothing are reported in `check`.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use winnow::combinator::{alt, cut_err, opt, preceded, repeat, terminated};
use winnow::error::{ContextError, ErrMode, StrContext, StrContextValue};
use winnow::stream::{Location, Stream};
use winnow::token::take_while;
use winnow::{LocatingSlice, ModalResult, Parser};

use super::pattern::Pattern;

type Input<'i> = LocatingSlice<&'i str>;

/// Maximum number of bytes of a filter: many times one that a person writes.
const LONGEST: usize = 10_000;
/// Maximum depth of nested parentheses, which bounds the parser's stack.
const DEEPEST: usize = 50;

/// A filter that selects runs.
#[derive(Debug, Clone)]
pub struct Filter {
    pub(super) text: String,
    pub(super) term: Term,
}

/// A term of a filter.
#[derive(Debug, Clone)]
pub(super) enum Term {
    All,
    None,
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
    Is(Leaf),
}

/// A predicate, such as `tag(ports)`.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    pub(super) field: Field,
    pub(super) pattern: Pattern,
    /// The pattern's bytes in the text.
    pub(super) range: Range<usize>,
}

/// The property that a pattern is matched against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Name,
    File,
    Tag,
    Variant,
    Case,
}

const FIELDS: [(&str, Field); 5] = [
    ("name", Field::Name),
    ("file", Field::File),
    ("tag", Field::Tag),
    ("variant", Field::Variant),
    ("case", Field::Case),
];

/// An error in a filter, with its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    pub text: String,
    /// The bytes in error; empty and at the end if something is missing.
    pub range: Range<usize>,
    pub message: String,
    pub help: Option<String>,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text.replace(['\n', '\t'], " ");
        let column = text
            .get(..self.range.start)
            .map_or(0, |t| t.chars().count());
        let wrong = text
            .get(self.range.clone())
            .map_or(0, |t| t.chars().count());
        write!(
            f,
            "{}\n  {text}\n  {:column$}{}",
            self.message,
            "",
            "^".repeat(wrong.max(1))
        )?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FilterError {}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let wrong = |range, message: String| FilterError {
            text: text.to_owned(),
            range,
            message,
            help: None,
        };
        if text.len() > LONGEST {
            return Err(FilterError {
                text: text.chars().take(60).collect(),
                range: 0..0,
                message: format!("a filter has at most {LONGEST} bytes"),
                help: None,
            });
        }
        if text.trim().is_empty() {
            return Err(FilterError {
                help: Some("`all()` selects every run".to_owned()),
                ..wrong(0..0, "the filter is empty".to_owned())
            });
        }
        let mut bad = None;
        let term = terminated(|input: &mut Input<'_>| either(input, 0, &mut bad), end)
            .parse(LocatingSlice::new(text));
        match (term, bad) {
            (Ok(term), None) => Ok(Self {
                text: text.to_owned(),
                term,
            }),
            (_, Some((range, message))) => Err(wrong(range, message)),
            (Err(error), None) => Err(unreadable(text, error.offset(), error.inner())),
        }
    }
}

/// An error in a pattern, which the grammar cannot express.
type Bad = Option<(Range<usize>, String)>;

fn either(input: &mut Input<'_>, depth: usize, bad: &mut Bad) -> ModalResult<Term> {
    chain(input, depth, bad, ["or", "||", "|"], Term::Or, both)
}

fn both(input: &mut Input<'_>, depth: usize, bad: &mut Bad) -> ModalResult<Term> {
    chain(input, depth, bad, ["and", "&&", "&"], Term::And, not)
}

/// Parses parts joined by a word.
fn chain(
    input: &mut Input<'_>,
    depth: usize,
    bad: &mut Bad,
    words: [&'static str; 3],
    make: fn(Vec<Term>) -> Term,
    part: fn(&mut Input<'_>, usize, &mut Bad) -> ModalResult<Term>,
) -> ModalResult<Term> {
    let first = part(input, depth, bad)?;
    let mut parts = vec![first];
    while opt(|input: &mut Input<'_>| word(input, words))
        .parse_next(input)?
        .is_some()
    {
        parts.push(cut(part(input, depth, bad))?);
    }
    if parts.len() > 1 {
        return Ok(make(parts));
    }
    Ok(parts.swap_remove(0))
}

/// Makes an error final: after an operator an operand must follow.
fn cut<T>(result: ModalResult<T>) -> ModalResult<T> {
    result.map_err(ErrMode::cut)
}

fn word(input: &mut Input<'_>, words: [&'static str; 3]) -> ModalResult<()> {
    let [name, twice, once] = words;
    (space, alt((whole(name), twice.void(), once.void())))
        .void()
        .parse_next(input)
}

/// Parses a word that is not followed by a letter.
fn whole<'i>(name: &'static str) -> impl Parser<Input<'i>, (), ErrMode<ContextError>> {
    terminated(
        name,
        winnow::combinator::not(take_while(1.., |c: char| c.is_alphanumeric() || c == '-')),
    )
    .void()
}

fn not(input: &mut Input<'_>, depth: usize, bad: &mut Bad) -> ModalResult<Term> {
    let nots: usize =
        repeat(0.., preceded(space, alt((whole("not"), "!".void())))).parse_next(input)?;
    let term = primary(input, depth, bad)?;
    Ok(if nots % 2 == 1 {
        Term::Not(Box::new(term))
    } else {
        term
    })
}

fn primary(input: &mut Input<'_>, depth: usize, bad: &mut Bad) -> ModalResult<Term> {
    space.parse_next(input)?;
    if opt("(").parse_next(input)?.is_some() {
        if depth == DEEPEST {
            let at = input.current_token_start();
            *bad = Some((
                at - 1..at,
                format!("more than {DEEPEST} nested parentheses"),
            ));
            return Err(ErrMode::Cut(ContextError::new()));
        }
        let inner = cut(either(input, depth + 1, bad))?;
        cut_err(preceded(space, ")"))
            .context(expected("`)`"))
            .parse_next(input)?;
        return Ok(inner);
    }
    let start = input.checkpoint();
    let begin = input.current_token_start();
    let name = take_while(1.., |c: char| c.is_ascii_alphabetic())
        .context(expected("a predicate like `tag(ports)`"))
        .parse_next(input)?;
    let every = match name {
        "all" => Some(Term::All),
        "none" => Some(Term::None),
        _ => None,
    };
    if let Some(term) = every {
        cut_err(("(", space, ")"))
            .context(expected("`()`"))
            .parse_next(input)?;
        return Ok(term);
    }
    let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == name) else {
        input.reset(&start);
        *bad = Some((begin..begin + name.len(), unknown(name)));
        return Err(ErrMode::Cut(ContextError::new()));
    };
    cut_err("(")
        .context(expected("`(` and a pattern"))
        .parse_next(input)?;
    let begin = input.current_token_start();
    let text = inside(input)?;
    let range = begin..begin + text.len();
    match Pattern::parse(&text.replace("\\)", ")")) {
        _ if text.trim().is_empty() => *bad = Some((range, "the pattern is missing".to_owned())),
        Ok(pattern) => {
            return Ok(Term::Is(Leaf {
                field: *field,
                pattern,
                range,
            }));
        }
        Err(why) => *bad = Some((range, why)),
    }
    Err(ErrMode::Cut(ContextError::new()))
}

/// Parses the text between a predicate's parentheses, which may contain balanced pairs, and
/// consumes the closing one.
fn inside<'i>(input: &mut Input<'i>) -> ModalResult<&'i str> {
    let rest: &'i str = input.as_ref();
    let (mut open, mut escaped) = (0_usize, false);
    for (at, letter) in rest.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => open += 1,
            ')' if open == 0 => {
                let text = input.next_slice(at);
                let _parenthesis = input.next_slice(1);
                return Ok(text);
            }
            ')' => open -= 1,
            _ => {}
        }
    }
    let _rest = input.finish();
    cut_err(")").context(expected("`)`")).parse_next(input)
}

fn unknown(name: &str) -> String {
    let names = FIELDS.map(|(name, _)| format!("`{name}(..)`")).join(", ");
    format!("unknown predicate `{name}`; available: {names}, `all()` and `none()`")
}

fn space(input: &mut Input<'_>) -> ModalResult<()> {
    take_while(0.., char::is_whitespace)
        .void()
        .parse_next(input)
}

fn end(input: &mut Input<'_>) -> ModalResult<()> {
    (space, winnow::combinator::eof)
        .void()
        .context(expected("`and`, `or` or the end"))
        .parse_next(input)
}

fn expected(what: &'static str) -> StrContext {
    StrContext::Expected(StrContextValue::Description(what))
}

fn unreadable(text: &str, offset: usize, error: &ContextError) -> FilterError {
    let rest = text.get(offset..).unwrap_or_default();
    let start = offset + rest.len() - rest.trim_start().len();
    let rest = rest.trim_start();
    let length = rest
        .find([' ', '(', ')'])
        .unwrap_or(rest.len())
        .max(rest.len().min(1));
    let expected = error
        .context()
        .find_map(|context| match context {
            StrContext::Expected(StrContextValue::Description(text)) => Some(*text),
            _ => None,
        })
        .unwrap_or("something else");
    let found = if rest.is_empty() { "the end" } else { "this" };
    FilterError {
        text: text.to_owned(),
        range: start..start + length,
        message: format!("expected {expected}, found {found}"),
        help: None,
    }
}
