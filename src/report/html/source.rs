//! The sources of a scenario as links, and its own text with line numbers.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::lesson::leads_somewhere_safe;
use super::{ScenarioView, badge};
use crate::record::Outcome;
use crate::units::show;

/// Renders a source, as a link if it is an address.
pub(super) fn source(text: &str) -> Markup {
    html! {
        @if leads_somewhere_safe(text) { a href=(text) rel="noreferrer noopener" { (text) } }
        @else { (text) }
    }
}

/// Renders the scenario's text, folded. Lines with an expectation show its outcome.
pub(super) fn text(view: &ScenarioView<'_>) -> Markup {
    let outcomes = outcomes_by_line(view);
    html! {
        details class="text" {
            summary { "Scenario file as run (" (show::counted(view.result.file.text.lines().count(), "line")) ")" }
            // No white space between the lines, because `pre` would show it.
            pre class="source" tabindex="0" {
                @for (number, line) in (1_u32..).zip(view.result.file.text.lines()) {
                    @let outcome = outcomes.get(&number);
                    @let class = outcome.map_or("", |outcome| badge::class(*outcome));
                span class={ "line " (class) } id=(view.line_id(number)) {
                        span class="line-number" { (number) }
                        span class="line-mark" { (outcome.map_or(" ", |outcome| badge::mark(*outcome))) }
                        (line) "\n"
                    }
                }
            }
        }
    }
}

/// Returns the worst outcome on each line, over all runs and comparisons.
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
