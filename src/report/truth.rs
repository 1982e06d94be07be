//! The truth table: the result for each claim, as a Markdown table for each folder of scenarios.
//!
//! The first three columns are the same in every run on one kernel; the last column has the values observed in this
//! run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use super::compare::cell;
use super::evidence;
use crate::record::{Outcome, Verdict};
use crate::suite::{RunResult, ScenarioResult, SuiteResult};

/// Runs whose values are shown: the one for the claim and the one it is compared with.
const FIGURES: usize = 2;
/// Width of one figure in characters.
const FIGURE: usize = 120;

/// Renders the claims of a suite. `link` returns the link to a scenario's file. Scenarios without a claim are left out.
pub fn render(result: &SuiteResult, link: impl Fn(&str) -> String) -> String {
    let mut topics: BTreeMap<String, BTreeMap<&str, String>> = BTreeMap::new();
    for scenario in &result.scenarios {
        let label = scenario.file.label.as_str();
        if let Some(row) = row(scenario, &link(label)) {
            let folder = Path::new(label).parent().and_then(Path::file_name);
            let topic = folder.map(|folder| folder.to_string_lossy().into_owned());
            let rows = topics.entry(topic.unwrap_or_default()).or_default();
            rows.insert(label, row);
        }
    }
    let mut text = format!(
        "# Claims and results\n\nObserved by nslab {} on {}. Generated: edit the scenarios, not this file.\n",
        env!("CARGO_PKG_VERSION"),
        kernels(result)
    );
    for (topic, rows) in &topics {
        if !topic.is_empty() {
            let _ = write!(text, "\n## {}\n", cell(topic));
        }
        text.push_str(
            "\n| scenario | claim | result | observed in this run |\n|---|---|---|---|\n",
        );
        text.extend(rows.values().map(String::as_str));
    }
    text
}

/// Returns every kernel that a run recorded.
fn kernels(result: &SuiteResult) -> String {
    let runs = result.scenarios.iter().flat_map(|scenario| &scenario.runs);
    let environments = runs.filter_map(|run| run.timeline.environment.as_ref());
    let kernels: BTreeSet<String> = environments
        .map(|environment| {
            cell(&format!(
                "Linux {} ({})",
                environment.kernel_release, environment.machine
            ))
        })
        .collect();
    if kernels.is_empty() {
        return "no kernel".to_owned();
    }
    kernels.into_iter().collect::<Vec<_>>().join(", ")
}

fn row(result: &ScenarioResult, link: &str) -> Option<String> {
    let scenario = &result.file.scenario;
    let claim = scenario.claim.as_ref()?;
    // Within `<>` only these characters end a link (CommonMark 0.31, section 6.3).
    let link = super::one_line(link)
        .replace('<', "%3C")
        .replace('>', "%3E");
    Some(format!(
        "| [{}](<{link}>) | {} | {} | {} |\n",
        cell(&scenario.name),
        cell(claim),
        verdict(result),
        figures(result)
    ))
}

/// Returns the scenario's statement about its claim if its expectations hold; otherwise the obstacle.
fn verdict(result: &ScenarioResult) -> String {
    let outcome = result.outcome();
    let truth = result.file.scenario.truth;
    let held = truth.map_or("held", |truth| truth.as_str());
    let said = match outcome {
        Outcome::Passed | Outcome::Flaky => format!("**{held}**"),
        Outcome::NotApplicable => {
            let lacking: Vec<&RunResult> = lacking(result).collect();
            if lacking.len() == result.runs.len() {
                "not applicable here".to_owned()
            } else {
                let names = lacking
                    .iter()
                    .map(|run| cell(&evidence::run_label(&run.spec.id)));
                let names: Vec<String> = names.collect();
                format!("**{held}**; not applicable here: {}", names.join(", "))
            }
        }
        Outcome::Skipped => "not run".to_owned(),
        Outcome::Inconclusive | Outcome::Failed | Outcome::Errored => {
            format!("{outcome}: see the scenario")
        }
    };
    evidence::marked(said, evidence::scenario_emulated(result))
}

/// Returns the runs that lack something here.
fn lacking(result: &ScenarioResult) -> impl Iterator<Item = &RunResult> {
    let lacks = |run: &&RunResult| run.verdict.outcome == Outcome::NotApplicable;
    result.runs.iter().filter(lacks)
}

/// Returns the first comparison, the expectations of the first runs, and what other runs lack.
fn figures(result: &ScenarioResult) -> String {
    let compared = result.compare.iter().flat_map(|case| &case.verdicts);
    let compared = compared.take(1).map(figure);
    let first = |run: &RunResult| Some(named(run, &figure(run.verdict.verdicts.first()?)));
    let could = |run: &&RunResult| run.verdict.outcome != Outcome::NotApplicable;
    let held = result.runs.iter().filter(could);
    let held = held.filter_map(first).take(FIGURES);
    let reason = |run: &RunResult| Some(named(run, run.verdict.reason.as_ref()?));
    let lacking = lacking(result).filter_map(reason).take(FIGURES);
    let shown = compared
        .chain(held)
        .chain(lacking)
        .map(|each| cell(&cut(&each)));
    shown.collect::<Vec<_>>().join("<br>")
}

fn named(run: &RunResult, figure: &str) -> String {
    format!("{}: {figure}", evidence::run_label(&run.spec.id))
}

/// Returns the expected condition with the observed values.
fn figure(verdict: &Verdict) -> String {
    let values = verdict.observed.iter().map(|each| each.value.as_str());
    let values: Vec<&str> = values.collect();
    if values.is_empty() {
        return verdict.text.clone();
    }
    format!("{} ({})", verdict.text, values.join(", "))
}

fn cut(figure: &str) -> String {
    if figure.chars().count() <= FIGURE {
        return figure.to_owned();
    }
    let mut short: String = figure.chars().take(FIGURE - 1).collect();
    short.push('…');
    short
}
