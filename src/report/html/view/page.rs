//! The page of `nslab view`: one run, or two side by side under one cursor.

use maud::{Markup, html};

use super::super::{ScenarioView, badge, chart, page, printable, topology};
use super::Views;
use crate::report::evidence::run_label;
use crate::suite::SuiteResult;

/// Renders the view of every run of a suite as one HTML document. Two runs share one cursor; of more, one at a time is
/// shown.
pub fn render_view(result: &SuiteResult, views: &Views) -> String {
    let ladders = super::super::Ladders::default();
    let scenarios = result.scenarios.iter().enumerate();
    let scenarios: Vec<ScenarioView<'_>> = scenarios
        .map(|(index, scenario)| ScenarioView::new(index, scenario, (&ladders, &Views::default())))
        .collect();
    let runs: usize = scenarios.iter().map(|scenario| scenario.runs.len()).sum();
    let charts = scenarios.iter().flat_map(|scenario| &scenario.runs);
    let charts: Vec<_> = charts.flat_map(|run| &run.charts).collect();
    let columns = chart::columns_for(&charts);
    let names = scenarios
        .iter()
        .map(|view| view.result.file.scenario.title.as_str());
    let mut names: Vec<&str> = names.collect();
    names.dedup();
    let title = format!("nslab view: {}", names.join(", "));
    let content = html! {
        (page::theme_choice())
        main class="view" {
            header {
                h1 { (names.join(", ")) }
                noscript { p { "This page needs JavaScript. It loads nothing from the network." } }
            }
            div class="machine whole" {
                div class={ "runs" @if runs > 1 { " several" } } {
                    @for (number, scenario) in scenarios.iter().enumerate() {
                        @for index in 0..scenario.runs.len() {
                            (run(scenario, (number, index), columns, views))
                        }
                    }
                }
            }
        }
        footer { "Written by nslab " (env!("CARGO_PKG_VERSION")) "." }
    };
    let page = page::document(&title, &content, true).into_string();
    printable(&page).into_owned()
}

fn run(
    scenario: &ScenarioView<'_>,
    (number, index): (usize, usize),
    columns: usize,
    views: &Views,
) -> Markup {
    let view = &scenario.runs[index];
    let result = view.result;
    html! {
        section class={ "run " (badge::class(result.verdict.outcome)) } id=(view.id) {
            h2 {
                (badge::outcome(result.verdict.outcome)) " " (scenario.result.file.scenario.name) " "
                (run_label(&result.spec.id))
            }
            @if let Some(reason) = &result.verdict.reason { p class="reason" { (reason.trim_end()) } }
            (topology::topology(&view.id, &result.spec, true))
            div class="panels" data-for=(view.id) { (views.data((number, index), &view.id)) }
            @if !view.charts.is_empty() {
                div class="charts" {
                    @for (number, each) in view.charts.iter().enumerate() {
                        (chart::draw::figure(each, &format!("{}-c{}", view.id, number + 1), columns))
                    }
                }
            }
        }
    }
}
