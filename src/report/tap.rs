//! TAP 14 (testanything.org): a test point for each scenario, with subtests for its runs and test points for their
//! expectations. Everything that did not pass has a YAML diagnostic.
//!
//! Subtests have no version line and no pragmas, so that readers of TAP 13 treat them as comments.

use std::fmt::Write;

use super::evidence;
use super::place::FilePlace;
use super::printable::one_line;
use crate::record::{Outcome, Verdict};
use crate::suite::{CaseComparison, RunResult, ScenarioFile, ScenarioResult, SuiteResult};

/// A test point with its nested points.
struct Point {
    name: String,
    outcome: Outcome,
    reason: Option<String>,
    /// Keys and values of the YAML diagnostic.
    diagnostic: Vec<(&'static str, String)>,
    points: Vec<Self>,
}

/// Renders a suite as one TAP document.
pub fn render(result: &SuiteResult) -> String {
    let mut text = "TAP version 14\n".to_owned();
    let points: Vec<Point> = result
        .scenarios
        .iter()
        .map(|scenario| scenario_point(scenario))
        .collect();
    document(&mut text, &points, 0);
    if result.interrupted {
        text.push_str("# interrupted\n");
    }
    text
}

fn document(text: &mut String, points: &[Point], indent: usize) {
    if points.is_empty() {
        let _ = writeln!(text, "{:indent$}1..0 # SKIP nothing ran", "");
        return;
    }
    let _ = writeln!(text, "{:indent$}1..{}", "", points.len());
    for (index, each) in points.iter().enumerate() {
        point(text, each, index + 1, indent);
    }
}

fn point(text: &mut String, point: &Point, number: usize, indent: usize) {
    let name = escaped(&point.name);
    if !point.points.is_empty() {
        let _ = writeln!(text, "{:indent$}# Subtest: {name}", "");
        document(text, &point.points, indent + 4);
    }
    let status = if evidence::is_against(point.outcome) {
        "not ok"
    } else {
        "ok"
    };
    let skipped = match point.outcome {
        Outcome::Skipped | Outcome::NotApplicable => {
            let reason = point
                .reason
                .iter()
                .map(|reason| format!(": {}", escaped(reason)));
            format!(" # SKIP {}{}", point.outcome, reason.collect::<String>())
        }
        Outcome::Passed
        | Outcome::Flaky
        | Outcome::Inconclusive
        | Outcome::Failed
        | Outcome::Errored => String::new(),
    };
    let _ = writeln!(text, "{:indent$}{status} {number} - {name}{skipped}", "");
    if evidence::is_against(point.outcome) || point.outcome == Outcome::Flaky {
        diagnostic(text, point, indent + 2);
    }
}

fn diagnostic(text: &mut String, point: &Point, indent: usize) {
    let mut line = |line: &str| {
        let _ = writeln!(text, "{:indent$}{line}", "");
    };
    line("---");
    line(&format!("outcome: {}", quoted(point.outcome.as_str())));
    if let Some(reason) = &point.reason {
        line(&format!("message: {}", quoted(reason)));
    }
    for (key, value) in &point.diagnostic {
        line(&format!("{key}: {value}"));
    }
    line("...");
}

fn scenario_point(result: &ScenarioResult) -> Point {
    let runs = result.runs.iter().map(|run| run_point(run, &result.file));
    let compare = result
        .compare
        .iter()
        .map(|case| compare_point(case, &result.file));
    let scenario = &result.file.scenario;
    Point {
        name: evidence::marked(scenario.name.clone(), evidence::scenario_emulated(result)),
        outcome: result.outcome(),
        reason: None,
        diagnostic: vec![
            ("title", quoted(&scenario.title)),
            ("file", quoted(FilePlace::of_scenario(&result.file).path)),
        ],
        points: runs.chain(compare).collect(),
    }
}

fn run_point(run: &RunResult, file: &ScenarioFile) -> Point {
    let mut diagnostic = at(FilePlace::of_run(file, run));
    let evidence = [
        ("emulated", evidence::emulations(run)),
        (
            "load",
            run.timeline.loads.iter().map(evidence::load).collect(),
        ),
        ("notes", evidence::notes(run)),
        ("stderr", run.last_words.clone()),
    ];
    diagnostic.extend(
        evidence
            .into_iter()
            .filter(|(_, lines)| !lines.is_empty())
            .map(|(key, lines)| (key, list(&lines))),
    );
    Point {
        name: evidence::run_name(run),
        outcome: run.verdict.outcome,
        reason: run.verdict.reason.clone(),
        diagnostic,
        points: run
            .verdict
            .judged()
            .iter()
            .map(|verdict| verdict_point(verdict, file))
            .collect(),
    }
}

fn compare_point(case: &CaseComparison, file: &ScenarioFile) -> Point {
    let outcome = evidence::compare_outcome(case);
    Point {
        name: evidence::compare_name(case),
        outcome,
        reason: None,
        diagnostic: at(FilePlace::of_outcome(file, &case.verdicts, outcome)),
        points: case
            .verdicts
            .iter()
            .map(|verdict| verdict_point(verdict, file))
            .collect(),
    }
}

fn verdict_point(verdict: &Verdict, file: &ScenarioFile) -> Point {
    let mut diagnostic = at(FilePlace::of_verdict(file, verdict));
    let observed = verdict
        .observed
        .iter()
        .map(|each| format!("{} = {}", each.quantity, each.value));
    diagnostic.push(("observed", list(&observed.collect::<Vec<_>>())));
    diagnostic.extend(
        verdict
            .decided_at
            .map(|at| ("decided_at", quoted(&at.to_string()))),
    );
    Point {
        name: evidence::marked(verdict.text.clone(), verdict.emulated),
        outcome: verdict.outcome,
        reason: verdict.reason.clone(),
        diagnostic,
        points: Vec::new(),
    }
}

fn at(place: FilePlace<'_>) -> Vec<(&'static str, String)> {
    vec![
        ("file", quoted(place.path)),
        ("line", place.line.to_string()),
        ("column", place.column.to_string()),
    ]
}

/// Escapes a description or reason, because `#` would begin a directive.
fn escaped(text: &str) -> String {
    one_line(text).replace('\\', "\\\\").replace('#', "\\#")
}

/// Returns a YAML scalar: every JSON string is one (YAML 1.2, section 1.3).
fn quoted(text: &str) -> String {
    serde_json::Value::from(super::printable::printable(text).as_ref()).to_string()
}

/// Returns a YAML flow sequence on one line.
fn list(lines: &[String]) -> String {
    let quoted: Vec<String> = lines.iter().map(|line| quoted(line)).collect();
    format!("[{}]", quoted.join(", "))
}
