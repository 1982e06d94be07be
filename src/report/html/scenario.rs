//! The section of a scenario: its claim, lesson, text, runs and comparisons.

use maud::{Markup, html};

use super::{ScenarioView, badge, lesson, run, source, verdicts};

pub(super) fn scenario(view: &ScenarioView<'_>, columns: usize) -> Markup {
    let scenario = &view.result.file.scenario;
    html! {
        section class="scenario" id=(view.id) {
            h2 { (badge::outcome(view.result.outcome())) " " (scenario.title) }
            p class="faint" {
                code { (scenario.name) } " from " code { (view.result.file.label) }
                @for tag in &scenario.tags { " " span class="tag" { (tag) } }
            }
            @if let Some(claim) = &scenario.claim {
                p class="claim" {
                    span class="key" { "Claim" }
                    @if let Some(truth) = scenario.truth { (badge::truth(truth)) " " }
                    (claim.trim())
                }
            }
            @if let Some(text) = &scenario.lesson {
                div class="lesson" { (lesson::lesson(text)) }
            }
            @if !scenario.source.is_empty() {
                p class="sources" {
                    span class="key" { "Sources" }
                    @for (index, each) in scenario.source.iter().enumerate() {
                        @if index > 0 { "; " }
                        (source::source(each))
                    }
                }
            }
            (source::text(view))
            (comparisons(view))
            @for (index, each) in view.runs.iter().enumerate() {
                (run::run(view, each, index == 0, columns))
            }
        }
    }
}

fn comparisons(view: &ScenarioView<'_>) -> Markup {
    html! {
        @if view.result.compare.iter().any(|case| !case.verdicts.is_empty()) {
            section class="compare" id={ (view.id) "-compare" } {
                h3 { "Comparison of its runs" }
                @for case in &view.result.compare {
                    @if !case.case.is_empty() {
                        p class="faint" {
                            @for (index, (name, value)) in case.case.iter().enumerate() {
                                @if index > 0 { ", " }
                                (name) " = " (value)
                            }
                        }
                    }
                    (verdicts::table(view, &case.verdicts))
                }
            }
        }
    }
}
