//! The top of the page: the overall outcome, the environment, and a table of links to everything.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::{RunView, ScenarioView, badge};
use crate::record::{Environment, Outcome, Privileges};
use crate::report::evidence::{emulated, run_label};
use crate::suite::SuiteResult;
use crate::units::show;

/// Outcomes from best to worst.
const OUTCOMES: [Outcome; 7] = [
    Outcome::Passed,
    Outcome::Flaky,
    Outcome::Failed,
    Outcome::Errored,
    Outcome::Inconclusive,
    Outcome::NotApplicable,
    Outcome::Skipped,
];

/// Counts runs by outcome: `3 passed, 1 failed`.
pub(super) fn counts(result: &SuiteResult) -> String {
    let parts: Vec<String> = by_outcome(result)
        .map(|(outcome, count)| format!("{count} {outcome}"))
        .collect();
    if parts.is_empty() {
        "nothing ran".to_owned()
    } else {
        parts.join(", ")
    }
}

pub(super) fn summary(result: &SuiteResult, scenarios: &[ScenarioView<'_>]) -> Markup {
    let runs: usize = scenarios.iter().map(|scenario| scenario.runs.len()).sum();
    html! {
        header {
            p class="kind" { "nslab report" }
            h1 { (badge::outcome(result.outcome())) " " (headline(result)) }
            p class="counts" {
                @for (outcome, count) in by_outcome(result) {
                    span class={ "count " (badge::class(outcome)) } { b { (count) } " " (outcome) }
                }
            }
            p class="faint" {
                (show::counted(scenarios.len(), "scenario")) ", " (show::counted(runs, "run")) " in "
                (show::seconds(round(result.took.as_secs_f64(), 1)))
            }
            (places(scenarios))
            (emulations(scenarios))
        }
        @if !scenarios.is_empty() {
            section class="overview" aria-labelledby="overview" {
                h2 id="overview" { "Runs" }
                div class="wide" { (table(scenarios)) }
            }
        }
    }
}

fn headline(result: &SuiteResult) -> &'static str {
    if result.interrupted {
        return "Interrupted";
    }
    match result.outcome() {
        _ if result.scenarios.is_empty() => "Nothing ran",
        Outcome::Passed => "Every expectation held",
        Outcome::Skipped => "Some runs were skipped",
        Outcome::Flaky => "Every expectation held, some only after a retry",
        Outcome::NotApplicable => "Some runs do not apply to this kernel or machine",
        Outcome::Inconclusive => "This machine could not generate some of the requested load",
        Outcome::Failed => "Some expectations did not hold",
        Outcome::Errored => "Some runs could not be carried out",
    }
}

/// Returns the kernels and machines, each once.
fn places(scenarios: &[ScenarioView<'_>]) -> Markup {
    let places: BTreeSet<String> = runs(scenarios)
        .filter_map(|run| run.result.timeline.environment.as_ref())
        .map(place)
        .collect();
    html! {
        @for place in places { p class="place" { (place) } }
    }
}

fn place(environment: &Environment) -> String {
    let mut parts = vec![
        format!(
            "Linux {} on {}",
            environment.kernel_release, environment.machine
        ),
        show::counted(environment.processors as usize, "processor"),
        format!("{} of memory", show::bytes(environment.memory as f64)),
        match environment.privileges {
            Privileges::Root => "as root".to_owned(),
            Privileges::Rootless => "rootless".to_owned(),
        },
    ];
    if environment.owns_kernel {
        parts.push("in its own virtual machine".to_owned());
    }
    if environment.virtual_time {
        parts.push("in virtual time".to_owned());
    }
    parts.join(", ")
}

fn emulations(scenarios: &[ScenarioView<'_>]) -> Markup {
    let emulated: Vec<&RunView<'_>> = runs(scenarios).filter(|run| emulated(run.result)).collect();
    html! {
        @if !emulated.is_empty() {
            p class="notice" {
                (badge::emulated()) " In " (show::counted(emulated.len(), "run"))
                " the lab emulated a feature that this kernel lacks. "
                "Each of these runs is marked and names the feature."
            }
        }
    }
}

fn table(scenarios: &[ScenarioView<'_>]) -> Markup {
    html! {
        table class="runs" {
            thead { tr {
                th scope="col" { "Scenario" }
                th scope="col" { "Run" }
                th scope="col" { "Outcome" }
                th scope="col" class="number" { "Held" }
                th scope="col" class="number" { "Took" }
                th scope="col" { "Look here first" }
            } }
            @for scenario in scenarios {
                tbody {
                    @if scenario.runs.is_empty() {
                        tr { (name_cell(scenario, 1)) td colspan="5" class="faint" { "no runs" } }
                    }
                    @for (index, run) in scenario.runs.iter().enumerate() {
                        tr {
                            @if index == 0 { (name_cell(scenario, rows(scenario))) }
                            (run_cells(run))
                        }
                    }
                    @if let Some(outcome) = compare_outcome(scenario) {
                        tr {
                            @if scenario.runs.is_empty() { td {} }
                            td { a href={ "#" (scenario.id) "-compare" } { "comparison" } }
                            td { (badge::outcome(outcome)) }
                            td class="number" { (held(scenario.result.compare.iter().flat_map(|case| &case.verdicts))) }
                            td class="number" {}
                            td {
                                @if let Some(first) = scenario.result.compare.iter()
                                    .flat_map(|case| &case.verdicts)
                                    .find(|verdict| verdict.outcome != Outcome::Passed) { code { (first.text) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn name_cell(scenario: &ScenarioView<'_>, rows: usize) -> Markup {
    html! {
        th scope="rowgroup" rowspan=(rows) {
            a href={ "#" (scenario.id) } { (scenario.result.file.scenario.name) }
            span class="faint title" { (scenario.result.file.scenario.title) }
        }
    }
}

fn run_cells(run: &RunView<'_>) -> Markup {
    let verdict = &run.result.verdict;
    let first = run
        .result
        .verdict
        .judged()
        .iter()
        .find(|each| each.outcome != Outcome::Passed);
    html! {
        td { a href={ "#" (run.id) } { (run_label(&run.result.spec.id)) } }
        td {
            (badge::outcome(verdict.outcome))
            @if emulated(run.result) { " " (badge::emulated()) }
        }
        td class="number" { (held(run.result.verdict.judged().iter())) }
        td class="number" { (show::seconds(round(run.result.took.as_secs_f64(), 1))) }
        td {
            @if verdict.outcome != Outcome::Passed {
                @if let Some(reason) = &verdict.reason { (first_line(reason)) }
                @else if let Some(first) = first { code { (first.text) } }
            }
        }
    }
}

fn held<'v>(verdicts: impl Iterator<Item = &'v crate::record::Verdict>) -> String {
    let (held, all) = verdicts.fold((0, 0), |(held, all), each| {
        (held + usize::from(each.outcome == Outcome::Passed), all + 1)
    });
    if all == 0 {
        "–".to_owned()
    } else {
        format!("{held} of {all}")
    }
}

fn rows(scenario: &ScenarioView<'_>) -> usize {
    scenario.runs.len() + usize::from(compare_outcome(scenario).is_some())
}

fn compare_outcome(scenario: &ScenarioView<'_>) -> Option<Outcome> {
    scenario
        .result
        .compare
        .iter()
        .flat_map(|case| &case.verdicts)
        .map(|verdict| verdict.outcome)
        .max()
}

fn runs<'v, 'a>(scenarios: &'v [ScenarioView<'a>]) -> impl Iterator<Item = &'v RunView<'a>> {
    scenarios.iter().flat_map(|scenario| &scenario.runs)
}

fn by_outcome(result: &SuiteResult) -> impl Iterator<Item = (Outcome, usize)> {
    OUTCOMES.into_iter().filter_map(|outcome| {
        let count = result
            .scenarios
            .iter()
            .flat_map(|scenario| &scenario.runs)
            .filter(|run| run.verdict.outcome == outcome)
            .count();
        (count > 0).then_some((outcome, count))
    })
}

fn first_line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or_default()
}

fn round(value: f64, decimals: i32) -> f64 {
    let factor = 10_f64.powi(decimals);
    (value * factor).round() / factor
}
