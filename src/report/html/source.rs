//! What a scenario rests on: its sources as links, and its own text with line numbers.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::lesson::leads_somewhere_safe;
use super::summary::plural;
use super::{ScenarioView, badge};
use crate::record::Outcome;

/// A source: a link where it is an address.
pub(super) fn source(text: &str) -> Markup {
    html! {
        @if leads_somewhere_safe(text) { a href=(text) rel="noreferrer noopener" { (text) } }
        @else { (text) }
    }
}

/// The scenario's text, folded; lines that hold an expectation carry its outcome.
pub(super) fn text(view: &ScenarioView<'_>) -> Markup {
    let outcomes = outcomes_by_line(view);
    html! {
        details class="text" {
            summary { "The scenario as it was (" (plural(view.result.file.text.lines().count(), "line")) ")" }
            // No white space between the lines: in `pre` it would show.
            pre class="source" tabindex="0" {
                @for (number, line) in (1_u32..).zip(view.result.file.text.lines()) {
                    @let outcome = outcomes.get(&number);
                    span class={ "line " (outcome.map_or("", |outcome| badge::class(*outcome))) } id=(view.line_id(number)) {
                        span class="line-number" { (number) }
                        span class="line-mark" { (outcome.map_or(" ", |outcome| badge::mark(*outcome))) }
                        (line) "\n"
                    }
                }
            }
        }
    }
}

/// The worst outcome on each line, over all runs and comparisons.
fn outcomes_by_line(view: &ScenarioView<'_>) -> BTreeMap<u32, Outcome> {
    let runs = view
        .result
        .runs
        .iter()
        .flat_map(|run| &run.verdict.verdicts);
    let compare = view.result.compare.iter().flat_map(|case| &case.verdicts);
    let mut outcomes = BTreeMap::new();
    for verdict in runs.chain(compare) {
        outcomes
            .entry(verdict.line)
            .and_modify(|outcome: &mut Outcome| *outcome = (*outcome).max(verdict.outcome))
            .or_insert(verdict.outcome);
    }
    outcomes
}
