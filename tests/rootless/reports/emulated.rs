//! Every format marks emulated results wherever they are shown.

use nslab::report::terminal::{self, Style};
use nslab::report::{csv, github, json, junit, tap};
use nslab::suite::SuiteResult;

use crate::reports::results::every_outcome;

/// Returns only the scenario with emulated runs.
fn emulated() -> SuiteResult {
    let mut suite = every_outcome();
    suite
        .scenarios
        .retain(|scenario| scenario.file.scenario.name == "tw-recycle-nat");
    suite
}

/// Returns the lines that show the result of the emulated run or of the comparison.
fn silent(text: &str, shows: &[&str]) -> Vec<String> {
    let result = |line: &&str| shows.iter().any(|shows| line.contains(shows));
    let found: Vec<&str> = text.lines().filter(result).collect();
    assert!(!found.is_empty(), "{shows:?} not in:\n{text}");
    found
        .into_iter()
        .filter(|line| !line.to_lowercase().contains("emulated"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn formats_for_people_mark_each_emulated_result() {
    let suite = emulated();
    let style = Style::default();
    let terminal =
        terminal::scenario(&suite.scenarios[0], style) + &terminal::summary(&suite, style);
    assert_eq!(
        silent(
            &terminal,
            &[
                "PAWSPassive",
                "PASS on",
                "FAIL compare",
                "35, off",
                "/ compare"
            ]
        ),
        [""; 0]
    );
    assert_eq!(
        silent(&github::annotations(&suite), &["TIME_WAIT"]),
        [""; 0]
    );
    let summary = github::summary(&suite);
    assert_eq!(
        silent(
            &summary,
            &[
                "| on",
                "| compare",
                "**on",
                "**compare",
                "PAWSPassive >= 29  ["
            ]
        ),
        [""; 0]
    );
}

#[test]
fn formats_for_programs_mark_each_emulated_result() {
    let suite = emulated();
    assert_eq!(
        silent(
            &junit::render(&suite).unwrap(),
            &["name=\"on", "name=\"compare", "PAWSPassive"]
        ),
        [""; 0]
    );
    assert_eq!(
        silent(
            &tap::render(&suite),
            &["- on", "- compare", "ok 1 - server", "ok 1 - on.server"]
        ),
        [""; 0]
    );
    let table = csv::render(&suite).unwrap();
    assert!(
        table.lines().skip(1).all(|line| line.ends_with(",true")),
        "{table}"
    );
    let json: serde_json::Value = serde_json::from_str(&json::render(&suite).unwrap()).unwrap();
    let on = &json["scenarios"][0]["runs"][0];
    assert_eq!(on["emulated"], true);
    assert_eq!(on["expectations"][0]["emulated"], true);
    assert_eq!(
        json["scenarios"][0]["compare"][0]["expectations"][0]["emulated"],
        true
    );
    assert_eq!(json["scenarios"][0]["runs"][1]["emulated"], false);
}
