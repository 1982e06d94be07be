//! Searches a series of text for a line that matches.
//!
//! A claim about text holds from the first matching line on; its negation holds until then.

use regex::Regex;

use super::evidence::{Evidence, Unjudgeable};
use super::metric::ReadSpan;
use crate::metrics::kernel;
use crate::record::{Observation, Offset, SeriesKind};
use crate::scenario::expr::MetricRef;

/// The kernel's notice that it left lines out: `net_ratelimit: 12 callbacks suppressed` (Linux `lib/ratelimit.c`).
const SUPPRESSED: &str = "callbacks suppressed";

/// The most characters of a line that are shown.
const SHOWN: usize = 200;

/// A search through the lines of one series.
#[derive(Debug)]
pub(super) struct TextReader<'a> {
    name: String,
    regex: Regex,
    negated: bool,
    lines: &'a [(Offset, String)],
    whole: Option<Offset>,
    next: usize,
    seen: usize,
    matched: Option<&'a (Offset, String)>,
    suppressed: Option<&'a (Offset, String)>,
    gap: Option<&'a str>,
}

impl<'a> TextReader<'a> {
    /// Finds the series in the evidence. A command that never printed has no series, which counts as no lines.
    ///
    /// # Errors
    /// Not applicable if the kernel's log could not be read; errored if the record should have the series.
    pub(super) fn open(
        metric: &MetricRef,
        regex: &str,
        negated: bool,
        span: ReadSpan,
        evidence: &Evidence<'a>,
    ) -> Result<Self, Unjudgeable> {
        let regex = Regex::new(regex).map_err(|error| {
            Unjudgeable::errored(format!("the regular expression does not compile: {error}"))
        })?;
        let name = metric.series.as_str();
        let gap = evidence.gap_in(&metric.series);
        let lines = match evidence.timeline(metric)?.series(name) {
            Some(series) if series.declaration.kind == SeriesKind::Text => series.lines.as_slice(),
            Some(_) => {
                return Err(Unjudgeable::errored(format!(
                    "`{name}` was recorded as numbers, not as text"
                )));
            }
            None if name.ends_with(".stdout") || name.ends_with(".stderr") => &[],
            None if name == kernel::LOG_NAME => {
                return Err(Unjudgeable::not_applicable(match gap {
                    Some(gap) => gap.to_owned(),
                    None => "the kernel's log could not be read here".to_owned(),
                }));
            }
            None => {
                return Err(Unjudgeable::errored(format!(
                    "the record has no series `{name}`"
                )));
            }
        };
        let (from, whole) = match span {
            ReadSpan::SoFar => (Offset::ZERO, None),
            ReadSpan::Whole(from, to) => (from, Some(to)),
        };
        Ok(Self {
            name: super::claim::name(metric),
            regex,
            negated,
            lines,
            whole,
            next: lines.partition_point(|(t, _)| *t < from),
            seen: 0,
            matched: None,
            suppressed: None,
            gap,
        })
    }

    pub(super) fn changes(&self) -> impl Iterator<Item = Offset> + use<'a> {
        self.lines.iter().map(|(t, _)| *t)
    }

    /// Returns true if the claim holds at a moment. Moments must not go backwards.
    pub(super) fn holds(&mut self, moment: Offset) -> bool {
        let moment = self.whole.unwrap_or(moment);
        while let Some(line) = self.lines.get(self.next)
            && line.0 <= moment
        {
            if self.matched.is_none() && self.regex.is_match(&line.1) {
                self.matched = Some(line);
            }
            if line.1.contains(SUPPRESSED) {
                self.suppressed = Some(line);
            }
            self.seen += 1;
            self.next += 1;
        }
        self.matched.is_some() != self.negated
    }

    pub(super) fn observed(&self) -> Observation {
        let value = match (self.matched, self.seen) {
            (Some((t, line)), _) => format!("`{}` at {t}", shorten(line)),
            (None, 0) => "no lines".to_owned(),
            (None, 1) => format!("one line, no match: `{}`", self.last_line()),
            (None, seen) => format!(
                "{seen} lines, none of which matches; the last: `{}`",
                self.last_line()
            ),
        };
        Observation {
            quantity: self.name.clone(),
            value,
            number: None,
        }
    }

    /// Describes the result of the search up to a moment, which is given as readers see it: `at 3.000s`.
    pub(super) fn found(&self, when: &str) -> String {
        match self.matched {
            Some((t, line)) => format!("`{}` has the line `{}` at {t}", self.name, shorten(line)),
            None if self.seen == 0 => format!("`{}` has no lines {when}", self.name),
            None => format!("no line of `{}` matches {when}", self.name),
        }
    }

    /// Explains why a line may exist although none was found: the kernel left lines out, or the series has a gap.
    pub(super) fn doubt(&self) -> Option<String> {
        if self.negated || self.matched.is_some() {
            return None;
        }
        let suppressed = self.suppressed.filter(|_| self.name == kernel::LOG_NAME);
        match (suppressed, self.gap) {
            (Some((t, line)), _) => Some(format!(
                "the kernel left lines out of its log, and one of them may have matched: `{}` at {t}",
                shorten(line)
            )),
            (None, Some(gap)) => Some(gap.to_owned()),
            (None, None) => None,
        }
    }

    fn last_line(&self) -> String {
        let last = self.next.checked_sub(1);
        last.and_then(|index| self.lines.get(index))
            .map_or_else(String::new, |(_, line)| shorten(line))
    }
}

fn shorten(line: &str) -> String {
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_owned(),
    }
}
