//! Each shipped scenario is a trial, but for those tagged `slow`. The first trial runs them all, as many at once as the machine carries:
//! most of a scenario is waiting.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

use crate::program::{command, scratch, told};

/// What became of each scenario, by its label.
type Outcomes = BTreeMap<String, Result<(), String>>;

pub(crate) fn trials(arguments: &Arguments) -> Vec<Trial> {
    let labels: Vec<String> = nslab::suite::shipped()
        .into_iter()
        .filter(|source| {
            let scenario =
                nslab::scenario::parse(&source.label, &source.text, &BTreeMap::new()).unwrap();
            !scenario.tags.iter().any(|tag| tag == "slow")
        })
        .map(|source| source.label)
        .collect();
    let chosen = labels.iter().filter(|label| is_chosen(arguments, label));
    let chosen: Vec<String> = chosen.cloned().collect();
    let outcomes = Arc::new(LazyLock::new(move || run(&chosen)));
    labels
        .into_iter()
        .map(|label| {
            let outcomes = outcomes.clone();
            Trial::test(label.clone(), move || holds(&outcomes, &label))
        })
        .collect()
}

/// As `libtest_mimic` chooses.
fn is_chosen(arguments: &Arguments, label: &str) -> bool {
    let fits = |filter: &str| {
        if arguments.exact {
            label == filter
        } else {
            label.contains(filter)
        }
    };
    arguments.filter.as_deref().is_none_or(fits) && !arguments.skip.iter().any(|skip| fits(skip))
}

fn holds(outcomes: &Outcomes, label: &str) -> Result<(), Failed> {
    match outcomes.get(label) {
        Some(Ok(())) => Ok(()),
        Some(Err(why)) => Err(why.into()),
        None => Err("the report says nothing of it".into()),
    }
}

fn run(labels: &[String]) -> Outcomes {
    let path = scratch().join("shipped.json");
    let report = format!("json={}", path.display());
    let output = command()
        .args(["run", "--no-progress", "--report", &report])
        .args(labels)
        .output()
        .unwrap();
    let text = std::fs::read(&path).unwrap_or_default();
    let Ok(report) = serde_json::from_slice::<Value>(&text) else {
        let all = labels
            .iter()
            .map(|label| (label.clone(), Err(told(&output))));
        return all.collect();
    };
    let scenarios = report["scenarios"].as_array().unwrap();
    scenarios
        .iter()
        .map(|scenario| {
            let label = scenario["file"].as_str().unwrap().to_owned();
            let outcome = scenario["outcome"].as_str().unwrap();
            // What was inconclusive has been tried again; where it then passed it is called flaky.
            let passes = matches!(outcome, "passed" | "flaky" | "not-applicable");
            let why = || section(&String::from_utf8_lossy(&output.stdout), &label);
            let result = if passes { Ok(()) } else { Err(why()) };
            (label, result)
        })
        .collect()
}

/// What was printed about one scenario.
fn section(printed: &str, label: &str) -> String {
    let mut sections = printed.split("\n\n");
    let of = sections.find(|section| section.contains(label));
    of.unwrap_or(printed).to_owned()
}
