//! Each shipped scenario is a trial, except those tagged `slow`. The first trial runs all that were selected,
//! as a suite: they mostly wait, and running side by side changes nothing that they measure. The answers to
//! their claims must agree with docs/truth.md.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Failed, Trial};
use nslab::lab::programs;
use nslab::scenario::{RunSpec, Scenario};
use nslab::suite::ScenarioSource;
use serde_json::Value;

use crate::program::{command, scratch, transcript};
use crate::truth::TruthTable;

/// The results of the scenarios, or the reason why there are none.
type Suite = Result<Ran, String>;

struct Ran {
    /// Each scenario's part of the report, by its file.
    scenarios: BTreeMap<String, Value>,
    /// The answers to the claims.
    truth: TruthTable,
}

pub(crate) fn trials(arguments: &Arguments) -> Vec<Trial> {
    let labels: Vec<String> = nslab::suite::shipped()
        .into_iter()
        .filter(|source| !parsed(source).tags.iter().any(|tag| tag == "slow"))
        .filter(can_run)
        .map(|source| source.label)
        .collect();
    let wanted = labels.iter().filter(|label| is_wanted(label, arguments));
    let wanted: Arc<[String]> = wanted.cloned().collect();
    let suite: Arc<OnceLock<Suite>> = Arc::default();
    labels
        .into_iter()
        .map(|label| {
            let (wanted, suite) = (Arc::clone(&wanted), Arc::clone(&suite));
            Trial::test(label.clone(), move || {
                holds(&label, suite.get_or_init(|| run(&wanted)))
            })
        })
        .collect()
}

fn parsed(source: &ScenarioSource) -> Scenario {
    nslab::scenario::parse(&source.label, &source.text, &BTreeMap::new()).unwrap()
}

/// Returns true if at least one run of the scenario has all its programs on this machine. A scenario without
/// such a run is left out, with a line for `ci/test`, so that it never counts as passed.
fn can_run(source: &ScenarioSource) -> bool {
    let lacks = |run: &RunSpec| {
        let mut programs = run.requires.programs.iter();
        programs.find(|program| !is_installed(program)).cloned()
    };
    let missing: Option<Vec<String>> = parsed(source).runs.iter().map(lacks).collect();
    if let Some(program) = missing.as_ref().and_then(|programs| programs.first()) {
        eprintln!("skipped: {}: {program} is not installed", source.label);
    }
    missing.is_none()
}

fn is_installed(program: &str) -> bool {
    programs::find(program).is_some()
}

/// Applies the filters as the harness does.
fn is_wanted(label: &str, arguments: &Arguments) -> bool {
    let fits = |filter: &String| {
        if arguments.exact {
            label == filter
        } else {
            label.contains(filter.as_str())
        }
    };
    arguments.filter.as_ref().is_none_or(fits) && !arguments.skip.iter().any(fits)
}

fn run(labels: &[String]) -> Suite {
    let folder = tempfile::tempdir_in(scratch()).map_err(|error| error.to_string())?;
    let report = folder.path().join("suite.json");
    let truth = folder.path().join("truth.md");
    let output = command()
        // A failure is retried once, and reported if it passes then: a scenario that needs retries should be fixed.
        .args([
            "run",
            "--no-progress",
            "--no-record",
            "--retries",
            "1",
            "--report",
        ])
        .arg(format!("json={}", report.display()))
        .arg("--report")
        .arg(format!("truth={}", truth.display()))
        .args(labels)
        .output()
        .map_err(|error| error.to_string())?;
    let text = std::fs::read(&report).map_err(|_| transcript(&output))?;
    let json: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let scenarios = json["scenarios"].as_array().cloned().unwrap_or_default();
    let file = |scenario: &Value| scenario["file"].as_str().unwrap_or_default().to_owned();
    let truth = std::fs::read_to_string(&truth).map_err(|error| error.to_string())?;
    Ok(Ran {
        scenarios: (scenarios.into_iter())
            .map(|scenario| (file(&scenario), scenario))
            .collect(),
        truth: TruthTable::read(&truth),
    })
}

fn holds(label: &str, suite: &Suite) -> Result<(), Failed> {
    let ran = suite.as_ref()?;
    let scenario = ran.scenarios.get(label);
    let scenario = scenario.ok_or("the suite report does not contain it")?;
    let applicable = match scenario["outcome"].as_str() {
        Some("passed") => true,
        Some("flaky") => {
            eprintln!("{label} passed only when retried: {}", reasons(scenario));
            true
        }
        // No result: this kernel lacks something, or the machine was too busy even when everything else had ended.
        Some(outcome @ ("not-applicable" | "inconclusive")) => {
            eprintln!("skipped: {label}: {outcome}: {}", reasons(scenario));
            false
        }
        outcome => {
            return Err(format!("{outcome:?}\n{}\n{scenario:#}", reasons(scenario)).into());
        }
    };
    let name = scenario["name"].as_str().unwrap_or_default();
    if scenario["claim"].is_string() {
        (ran.truth).agrees(&TruthTable::committed(), name, applicable)?;
    }
    Ok(())
}

/// Returns the reasons of the runs and expectations that did not pass.
fn reasons(scenario: &Value) -> String {
    let runs = scenario["runs"].as_array().into_iter().flatten();
    let not_passed = runs.filter(|run| run["outcome"] != "passed");
    let shown = not_passed.map(|run| {
        let wrong = run["expectations"].as_array().into_iter().flatten();
        let wrong = wrong.filter(|verdict| verdict["outcome"] != "passed");
        let wrong: Vec<String> = wrong
            .map(|verdict| format!("\n  {} {}", verdict["text"], verdict["observed"]))
            .collect();
        format!("{}: {}{}", run["variant"], run["reason"], wrong.concat())
    });
    shown.collect::<Vec<_>>().join("\n")
}
