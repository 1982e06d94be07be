//! Resolves expectations, with their places in the file.

use crate::scenario::bounds::MAX_EXPECTATIONS;
use crate::scenario::document::ExpectationDoc;
use crate::scenario::expectation::{Fault, NameScope, expectation};
use crate::scenario::expr::Expectation;
use crate::scenario::problem::Collector;
use crate::scenario::span::Span;

/// Resolves every valid line of a list.
pub(crate) fn expectations(
    list: &[ExpectationDoc],
    scope: &NameScope,
    cx: &mut Collector<'_>,
) -> Vec<Expectation> {
    let mut expectations = Vec::new();
    if let Some(one_more) = list.get(MAX_EXPECTATIONS) {
        cx.error(
            one_more.span,
            format!("a run has at most {MAX_EXPECTATIONS} expectations"),
        );
        return expectations;
    }
    for written in list {
        match expectation(&written.scalar.text, scope) {
            Ok((claim, window)) => expectations.push(Expectation {
                text: written.scalar.text.trim().to_owned(),
                place: cx.source.place(written.span.start),
                claim,
                window,
            }),
            Err(faults) => {
                for fault in faults {
                    report_fault(written, fault, cx);
                }
            }
        }
    }
    expectations
}

/// Reports a fault inside a line, at its place in the file if that is known.
pub(crate) fn report_fault(written: &ExpectationDoc, fault: Fault, cx: &mut Collector<'_>) {
    let place = |range: std::ops::Range<usize>| -> Option<Span> {
        written.scalar.locate(range.start, range.end)
    };
    let span = place(fault.range);
    let located = span.is_some();
    let span = span.unwrap_or(written.span);
    let problem = match fault
        .other
        .and_then(|(range, label)| Some((place(range)?, label)))
    {
        Some((other, label)) if other != span => {
            cx.error_between(span, fault.message, other, label)
        }
        _ => cx.error(span, fault.message),
    };
    if located {
        problem.label(fault.label);
    }
    problem.maybe_help(fault.help);
}
