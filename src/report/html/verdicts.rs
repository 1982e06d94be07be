//! The table of expectations: text, outcome, observed values, and line.

use maud::{Markup, html};

use super::{ScenarioView, badge};
use crate::record::Verdict;
use crate::units::show;

/// Renders a row for each expectation, in the order of the file.
pub(super) fn table(view: &ScenarioView<'_>, verdicts: &[Verdict]) -> Markup {
    html! {
        @if !verdicts.is_empty() {
            div class="wide" {
                table class="verdicts" {
                    thead { tr {
                        th scope="col" { "Outcome" }
                        th scope="col" { "Expectation" }
                        th scope="col" { "Observed" }
                        th scope="col" class="number" { "Decided" }
                        th scope="col" class="number" { "Line" }
                    } }
                    tbody { @for verdict in verdicts { (row(view, verdict)) } }
                }
            }
        }
    }
}

fn row(view: &ScenarioView<'_>, verdict: &Verdict) -> Markup {
    html! {
        tr class=(badge::class(verdict.outcome)) {
            td {
                (badge::outcome(verdict.outcome))
                @if verdict.emulated { " " (badge::emulated()) }
            }
            td {
                code { (verdict.text) }
                @if let Some(reason) = &verdict.reason { span class="reason" { (reason.trim_end()) } }
            }
            td {
                @for each in &verdict.observed {
                    span class="observed" { code { (each.quantity) } " = " b { (each.value) } }
                }
            }
            td class="number" {
                @if let Some(at) = verdict.decided_at { (show::seconds(at.as_secs_f64())) }
            }
            td class="number" {
                @let title = format!("line {}, column {}", verdict.line, verdict.column);
                a href={ "#" (view.line_id(verdict.line)) } title=(title) {
                    (verdict.line)
                }
            }
        }
    }
}
