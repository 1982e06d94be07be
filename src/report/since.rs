//! The results of scenarios on several kernels, as a Markdown page: what differs since when, and a table with a column
//! for each kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::compare::cell;
use super::diff::key;
use super::evidence;
use crate::compare::RunDiff;
use crate::names::release_numbers;
use crate::record::Outcome;
use crate::suite::{RunResult, ScenarioResult, SuiteResult};

/// Width of a figure in characters.
const FIGURE: usize = 60;
/// Differences that are listed for a run.
const MOST: usize = 3;
/// The column of runs whose kernel is not known: they did not start.
const UNKNOWN: &str = "another kernel";

/// A run of a scenario with its result on each kernel.
struct KernelRow<'a> {
    file: &'a str,
    scenario: &'a str,
    label: String,
    runs: BTreeMap<&'a str, &'a RunResult>,
}

/// Renders the page. `link` returns the link to a scenario's file. A run whose kernel is unknown, because it did not
/// start, belongs to the kernel of the other runs of its scenario.
pub fn render(result: &SuiteResult, link: impl Fn(&str) -> String) -> String {
    let rows = rows(result);
    let kernels: BTreeSet<&str> = rows
        .iter()
        .flat_map(|row| row.runs.keys().copied())
        .collect();
    let mut kernels: Vec<&str> = kernels.into_iter().collect();
    kernels.sort_by_key(|kernel| release_numbers(kernel));
    let mut text = format!(
        "# Since when\n\nThe runs of each scenario by kernel, observed by nslab {}. Generated: edit the scenarios, not \
         this file.\n\n## What differs\n\n",
        env!("CARGO_PKG_VERSION"),
    );
    let mut any = false;
    for row in &rows {
        for (before, kernel, lines) in row.differences(&kernels) {
            any = true;
            let _ = writeln!(
                text,
                "- {}, since {} (compared with {}):",
                row.linked(&link),
                cell(kernel),
                cell(before)
            );
            for line in lines.iter().take(MOST) {
                let _ = writeln!(text, "  - {}", cell(line));
            }
            if lines.len() > MOST {
                let _ = writeln!(text, "  - and {} more", lines.len() - MOST);
            }
        }
    }
    if !any {
        text.push_str("Nothing: all outcomes, and all figures that expectations name, are the same on every kernel.\n");
    }
    table(&mut text, &rows, &kernels, link);
    text
}

fn table(
    text: &mut String,
    rows: &[KernelRow<'_>],
    kernels: &[&str],
    link: impl Fn(&str) -> String,
) {
    let heads: String = kernels
        .iter()
        .map(|kernel| format!(" {} |", cell(kernel)))
        .collect();
    let rule = "---|".repeat(kernels.len());
    let _ = write!(text, "\n## All runs\n\n| run |{heads}\n|---|{rule}\n");
    for row in rows {
        let _ = write!(text, "| {} |", row.linked(&link));
        let differs: BTreeSet<&str> = row
            .differences(kernels)
            .into_iter()
            .map(|(_, kernel, _)| kernel)
            .collect();
        for kernel in kernels {
            let shown = row
                .runs
                .get(kernel)
                .map_or_else(|| "-".to_owned(), |run| shown(run));
            let shown = cell(&shown);
            let _ = match differs.contains(kernel) {
                true => write!(text, " **{shown}** |"),
                false => write!(text, " {shown} |"),
            };
        }
        text.push('\n');
    }
}

impl<'a> KernelRow<'a> {
    /// Returns the kernels on which the run differs from the kernel before, both with the differences.
    fn differences<'k>(&self, kernels: &[&'k str]) -> Vec<(&'k str, &'k str, Vec<String>)> {
        let present = kernels
            .iter()
            .filter_map(|kernel| Some((*kernel, *self.runs.get(kernel)?)));
        let present: Vec<_> = present.collect();
        let pairs = present.windows(2).filter_map(|pair| {
            let [(before, a), (kernel, b)] = pair else {
                return None;
            };
            let lines = key(&RunDiff::of(a, b));
            (!lines.is_empty()).then_some((*before, *kernel, lines))
        });
        pairs.collect()
    }

    fn linked(&self, link: impl Fn(&str) -> String) -> String {
        // Within `<>` only these characters end a link (CommonMark 0.31, section 6.3).
        let link = super::one_line(&link(self.file));
        let link = link.replace('<', "%3C").replace('>', "%3E");
        let label = match self.label.as_str() {
            "" => String::new(),
            label => format!(" / {}", cell(label)),
        };
        format!("[{}](<{link}>){label}", cell(self.scenario))
    }
}

fn rows(result: &SuiteResult) -> Vec<KernelRow<'_>> {
    let mut rows: BTreeMap<(&str, &str), Vec<KernelRow<'_>>> = BTreeMap::new();
    let releases = releases(result);
    for scenario in &result.scenarios {
        let file = &scenario.file;
        let place = (file.label.as_str(), file.scenario.name.as_str());
        let of_scenario = rows.entry(place).or_default();
        for run in &scenario.runs {
            let label = match scenario.runs.len() {
                1 => String::new(),
                _ => evidence::run_label(&run.spec.id),
            };
            let at = of_scenario.iter().position(|row| row.label == label);
            let at = at.unwrap_or_else(|| {
                of_scenario.push(KernelRow {
                    file: &file.label,
                    scenario: &file.scenario.name,
                    label,
                    runs: BTreeMap::new(),
                });
                of_scenario.len() - 1
            });
            if let Some(row) = of_scenario.get_mut(at) {
                row.runs.insert(kernel_of(scenario, run, &releases), run);
            }
        }
    }
    rows.into_values().flatten().collect()
}

/// Returns the release of each kernel by the name that it was run under.
fn releases(result: &SuiteResult) -> BTreeMap<&str, &str> {
    let each = result.scenarios.iter().filter_map(|scenario| {
        let release = scenario.runs.iter().find_map(release)?;
        Some((scenario.kernel.as_deref()?, release))
    });
    each.collect()
}

fn release(run: &RunResult) -> Option<&str> {
    let environment = run.timeline.environment.as_ref()?;
    Some(environment.kernel_release.as_str())
}

/// Returns the kernel of a run. A run that could not begin knows only the name that its kernel was run under.
fn kernel_of<'a>(
    scenario: &'a ScenarioResult,
    run: &'a RunResult,
    releases: &BTreeMap<&str, &'a str>,
) -> &'a str {
    let named = scenario.kernel.as_deref();
    release(run)
        .or_else(|| scenario.runs.iter().find_map(release))
        .or_else(|| releases.get(named?).copied())
        .or(named)
        .unwrap_or(UNKNOWN)
}

/// Returns the outcome with the values of the first expectation, or with the reason.
fn shown(run: &RunResult) -> String {
    let verdict = &run.verdict;
    let outcome = verdict.outcome;
    let figure = match outcome {
        Outcome::Passed | Outcome::Flaky => verdict.verdicts.first(),
        Outcome::Failed => {
            let mut verdicts = verdict.verdicts.iter();
            verdicts.find(|verdict| verdict.outcome == Outcome::Failed)
        }
        Outcome::Skipped | Outcome::NotApplicable | Outcome::Inconclusive | Outcome::Errored => {
            None
        }
    };
    let figure = figure
        .map(|verdict| verdict.observed_text())
        .or_else(|| verdict.reason.clone())
        .filter(|text| !text.is_empty());
    let text = figure.map_or_else(
        || outcome.to_string(),
        |figure| format!("{outcome}: {figure}"),
    );
    let text = evidence::marked(text, evidence::emulated(run));
    if text.chars().count() <= FIGURE {
        return text;
    }
    let short: String = text.chars().take(FIGURE - 1).collect();
    format!("{short}…")
}
