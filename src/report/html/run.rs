//! The section of a run: its outcome and the reason, then the evidence.

use maud::{Markup, html};

use super::{RunView, ScenarioView, badge, chart, evidence, text_lines, topology, verdicts};
use crate::report::evidence::{emulated, run_label};
use crate::units::show;

/// Renders the section. The topology is open in the first run of a scenario and folded in later ones.
pub(super) fn run(
    scenario: &ScenarioView<'_>,
    view: &RunView<'_>,
    first: bool,
    columns: usize,
) -> Markup {
    let result = view.result;
    html! {
        section class={ "run " (badge::class(result.verdict.outcome)) } id=(view.id) {
            h3 {
                (badge::outcome(result.verdict.outcome)) " " (run_label(&result.spec.id))
                @if emulated(result) { " " (badge::emulated()) }
                " " span class="faint took" { (show::seconds((result.took.as_secs_f64() * 10.0).round() / 10.0)) }
            }
            @if let Some(reason) = &result.verdict.reason { p class="reason" { (reason.trim_end()) } }
            @if !result.last_words.is_empty() {
                p class="key" { "Last output of the worker" }
                pre { @for line in &result.last_words { (line) "\n" } }
            }
            (evidence::emulations(&result.timeline))
            (evidence::attempts(result))
            (evidence::notes(&result.timeline))
            (verdicts::table(scenario, result.verdict.judged()))
            (topology::topology(&view.id, &result.spec, first))
            (view.view)
            @if !view.charts.is_empty() {
                div class="charts" {
                    @for (index, each) in view.charts.iter().enumerate() {
                        (chart::draw::figure(each, &format!("{}-c{}", view.id, index + 1), columns))
                    }
                }
            }
            (chart::pick::always_zero(result))
            (view.ladders)
            (text_lines::text_lines(result))
            (evidence::loads(&result.timeline))
            (evidence::environment(result))
        }
    }
}
