//! The problems of a scenario file: all of them at once, each with its place and a way out.
//!
//! They are found by `yaml`, `decode`, `resolve` and `expectation`.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use serde::{Deserialize, Serialize};

use super::forms::Outline;
use super::place::Place;
use super::span::{SourceText, Span};

/// Number of problems that are rendered; the others are only counted. More than this many
/// are usually one mistake.
const RENDERED: usize = 50;
/// Bytes of excerpts after which further problems are only counted, because a line may be as long as a file.
const EXCERPTS: usize = 2 * 1024 * 1024;

/// A problem of a scenario file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Offset of the first wrong byte in the file's text.
    pub start: usize,
    /// Number of wrong bytes; 0 if something is missing.
    pub len: usize,
    /// Line and column of `start`.
    pub place: Place,
    /// The problem as a sentence fragment: ``unknown node `rotuer` ``.
    pub message: String,
    /// Text beside the underline; may be empty.
    pub label: String,
    /// Advice on how to fix it.
    pub help: Option<String>,
    /// A related place: the first of two duplicates, or the other side of a contradiction.
    pub other: Option<OtherPlace>,
    /// The runs that have it, unless all have: variants and matrix cases.
    pub only_in: Option<String>,
}

/// The second place of a problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherPlace {
    /// Offset of the first byte.
    pub start: usize,
    /// Number of bytes from `start`.
    pub len: usize,
    /// Line and column of `start`.
    pub place: Place,
    /// Text beside the underline.
    pub label: String,
}

/// All problems of a file, ordered by position. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problems {
    /// The file's name, as the user wrote it.
    pub label: String,
    /// The content of the file, for excerpts.
    #[serde(skip)]
    pub text: String,
    /// Ordered by position; never empty.
    pub problems: Vec<Problem>,
}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{}:{}: {}", self.label, problem.place, problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl Problems {
    /// Returns every problem with its excerpt, in the style of rustc.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        }
        .decor_style(DecorStyle::Ascii);
        let mut rendered = Vec::new();
        let mut excerpts = 0;
        for problem in self.problems.iter().take(RENDERED) {
            if excerpts > EXCERPTS {
                break;
            }
            let lines = self.lines(problem);
            excerpts += lines.len();
            rendered.push(renderer.render(&[self.group(problem, lines)]));
        }
        let left_out = self.problems.len() - rendered.len();
        if left_out > 0 {
            rendered.push(format!("and {left_out} more"));
        }
        let mut text = rendered.join("\n\n");
        text.push('\n');
        text
    }

    /// Returns the range of lines from the first to the last place of a problem.
    fn lines(&self, problem: &Problem) -> Range<usize> {
        let other = problem.other.as_ref();
        let first = other.map_or(problem.start, |other| other.start.min(problem.start));
        let last = other.map_or(problem.start, |other| other.start.max(problem.start));
        let start = self.text.get(..first).and_then(|text| text.rfind('\n'));
        let end = self.text.get(last..).and_then(|text| text.find('\n'));
        start.map_or(0, |at| at + 1)..end.map_or(self.text.len(), |at| last + at + 1)
    }

    fn group<'a>(&'a self, problem: &'a Problem, lines: Range<usize>) -> Group<'a> {
        let first = problem.other.as_ref().map_or(problem.place.line, |other| {
            other.place.line.min(problem.place.line)
        });
        let base = lines.start;
        let mut snippet = Snippet::source(self.text.get(lines).unwrap_or_default())
            .line_start(usize::try_from(first).unwrap_or(1))
            .path(self.label.as_str())
            .annotation(self.annotation(
                AnnotationKind::Primary,
                base,
                problem.start,
                problem.len,
                &problem.label,
            ));
        if let Some(other) = &problem.other {
            snippet = snippet.annotation(self.annotation(
                AnnotationKind::Context,
                base,
                other.start,
                other.len,
                &other.label,
            ));
        }
        let mut group = Level::ERROR
            .primary_title(problem.message.as_str())
            .element(snippet);
        if let Some(runs) = &problem.only_in {
            group = group.element(Level::NOTE.message(format!("only in {runs}")));
        }
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        group
    }

    /// Underlines only the first line of a range, because underlines over many lines are hard to read.
    fn annotation<'a>(
        &self,
        kind: AnnotationKind,
        base: usize,
        start: usize,
        len: usize,
        label: &'a str,
    ) -> Annotation<'a> {
        let wrong = self.text.get(start..start + len).unwrap_or_default();
        let first_line = wrong.lines().next().unwrap_or_default().trim_end();
        let start = start.saturating_sub(base);
        let annotation = kind.span(start..start + first_line.len());
        if label.is_empty() {
            annotation
        } else {
            annotation.label(label)
        }
    }
}

impl Problem {
    /// Sets the text beside the underline.
    pub(crate) fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = label.into();
        self
    }

    /// Sets the advice on how to fix the problem.
    pub(crate) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Sets the advice on how to fix the problem, if there is any.
    pub(crate) fn maybe_help(&mut self, help: Option<String>) -> &mut Self {
        self.help = help.or(self.help.take());
        self
    }
}

/// Collects the problems of one text.
#[derive(Debug)]
pub(crate) struct Collector<'t> {
    pub(crate) source: SourceText<'t>,
    problems: Vec<Problem>,
    /// The names of the document that is being read, for examples.
    pub(crate) outline: Outline,
    /// True if code beside the scenario may listen on the nodes, so that an unknown port is not a mistake.
    pub(crate) code_listens: bool,
    /// True if the caller has set parameters, so that a size of the file need not fit the rest of it.
    pub(crate) is_resized: bool,
    /// Number of values that could not be read because of a problem that is reported already.
    skipped: usize,
}

impl<'t> Collector<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            source: SourceText::new(text),
            problems: Vec::new(),
            outline: Outline::default(),
            code_listens: false,
            is_resized: false,
            skipped: 0,
        }
    }

    /// Counts a value that is left out because of a problem that is reported already.
    pub(crate) fn skip(&mut self) {
        self.skipped += 1;
    }

    /// Returns a count that grows with every problem, and with every value that is left out because of one.
    pub(crate) fn failures(&self) -> usize {
        self.problems.len() + self.skipped
    }

    /// Adds a problem; the caller may add a label and help.
    pub(crate) fn error(&mut self, span: Span, message: impl Into<String>) -> &mut Problem {
        let problem = Problem {
            start: span.start,
            len: span.end - span.start,
            place: self.source.place(span.start),
            message: message.into(),
            label: String::new(),
            help: None,
            other: None,
            only_in: None,
        };
        self.problems.push(problem);
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }

    /// Adds a problem with a second place.
    pub(crate) fn error_between(
        &mut self,
        span: Span,
        message: impl Into<String>,
        other: Span,
        other_label: impl Into<String>,
    ) -> &mut Problem {
        let place = self.source.place(other.start);
        let problem = self.error(span, message);
        problem.other = Some(OtherPlace {
            start: other.start,
            len: other.end - other.start,
            place,
            label: other_label.into(),
        });
        problem
    }

    /// Returns the number of problems so far.
    pub(crate) fn count(&self) -> usize {
        self.problems.len()
    }

    /// Removes and returns the problems after the first `since`.
    pub(crate) fn take_since(&mut self, since: usize) -> Vec<Problem> {
        self.problems.split_off(since)
    }

    /// Puts back problems that were removed.
    pub(crate) fn put(&mut self, problems: Vec<Problem>) {
        self.problems.extend(problems);
    }

    /// Returns every problem once, by position; `None` if there are none.
    pub(crate) fn finish(mut self, label: &str) -> Option<Problems> {
        if self.problems.is_empty() {
            return None;
        }
        self.problems
            .sort_by(|a, b| (a.start, a.len, &a.message).cmp(&(b.start, b.len, &b.message)));
        self.problems
            .dedup_by(|a, b| (a.start, a.len, &a.message) == (b.start, b.len, &b.message));
        Some(Problems {
            label: label.to_owned(),
            text: self.source.text.to_owned(),
            problems: self.problems,
        })
    }
}

/// Quotes a user's text for a message: on one line, without control characters, and not too long.
pub(crate) fn quoted(text: &str) -> String {
    /// Longer excerpts do not help the reader.
    const LONGEST: usize = 60;
    let mut shown: String = text
        .chars()
        .take(LONGEST)
        .flat_map(|letter| {
            let escaped: Vec<char> = if letter.is_control() {
                letter.escape_debug().collect()
            } else {
                vec![letter]
            };
            escaped
        })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push_str("...");
    }
    format!("`{shown}`")
}
