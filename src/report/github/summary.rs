//! The Markdown for `GITHUB_STEP_SUMMARY`: outcomes, failed expectations, and the rest folded.

use std::fmt::Write;

use crate::record::Outcome;
use crate::report::evidence;
use crate::report::place::FilePlace;
use crate::report::printable::{one_line, printable};
use crate::suite::{RunResult, ScenarioResult, SuiteResult};

/// Maximum size of a step's summary: 1 MiB (GitHub's "Adding a job summary"). GitHub shows nothing of a larger one.
const MOST: usize = 1024 * 1024;
/// Room for the sentence about parts that were left out.
const CLOSING: usize = 200;

/// Renders a suite, the most important parts first. Parts beyond 1 MiB are left out and counted.
pub fn summary(result: &SuiteResult) -> String {
    let mut parts = vec![heading(result)];
    parts.extend(
        result
            .scenarios
            .iter()
            .flat_map(|scenario| against(scenario)),
    );
    parts.push("\n| | scenario | run | took |\n|---|---|---|--:|\n".to_owned());
    parts.extend(result.scenarios.iter().flat_map(|scenario| rows(scenario)));
    parts.push("\n".to_owned());
    parts.extend(result.scenarios.iter().map(|scenario| details(scenario)));
    bounded(&parts)
}

fn bounded(parts: &[String]) -> String {
    let mut text = String::new();
    let mut left = 0;
    for part in parts {
        if text.len() + part.len() <= MOST - CLOSING {
            text.push_str(part);
        } else {
            left += 1;
        }
    }
    if left > 0 {
        let _ = writeln!(
            text,
            "\n*{left} parts are left out: GitHub shows at most 1 MiB.*"
        );
    }
    text
}

fn heading(result: &SuiteResult) -> String {
    let runs: Vec<&RunResult> = result
        .scenarios
        .iter()
        .flat_map(|scenario| &scenario.runs)
        .collect();
    let mut counts = String::new();
    let all = [
        Outcome::Failed,
        Outcome::Errored,
        Outcome::Inconclusive,
        Outcome::Flaky,
        Outcome::Passed,
        Outcome::NotApplicable,
        Outcome::Skipped,
    ];
    for outcome in all {
        let count = runs
            .iter()
            .filter(|run| run.verdict.outcome == outcome)
            .count();
        if count > 0 {
            let _ = write!(counts, "{} {count} {outcome} · ", symbol(outcome));
        }
    }
    let emulated = runs.iter().filter(|run| evidence::emulated(run)).count();
    if emulated > 0 {
        let _ = write!(counts, "🧪 {emulated} emulated · ");
    }
    let interrupted = if result.interrupted {
        " (interrupted)"
    } else {
        ""
    };
    let (outcome, took) = (result.outcome(), result.took.as_secs_f64());
    format!(
        "## {} nslab: {outcome}{interrupted}\n\n{counts}{took:.1} s\n",
        symbol(outcome)
    )
}

/// Renders a part for each run or compared case that did not pass.
fn against(result: &ScenarioResult) -> Vec<String> {
    let file = &*result.file;
    let mut parts = Vec::new();
    let mut part = |outcome: Outcome, name: String, place: FilePlace<'_>, lines: Vec<String>| {
        if evidence::is_against(outcome) {
            let place = one_line(&place.to_string());
            parts.push(format!(
                "\n### {} {}: {outcome}\n\n{}\n\n{}\n",
                symbol(outcome),
                text(&name),
                code(&place),
                fenced(&lines)
            ));
        }
    };
    for run in &result.runs {
        let reason = run.verdict.reason.as_deref();
        let mut lines: Vec<String> = run.verdict.reason.iter().cloned().collect();
        lines.extend(evidence::against(file, run.verdict.judged(), reason));
        lines.extend(run.last_words.iter().map(|words| format!("| {words}")));
        let name = evidence::marked(run.spec.id.to_string(), evidence::emulated(run));
        part(
            run.verdict.outcome,
            name,
            FilePlace::of_run(file, run),
            lines,
        );
    }
    for case in &result.compare {
        let outcome = evidence::compare_outcome(case);
        let name = format!("{} / {}", file.scenario.name, evidence::compare_name(case));
        let lines = evidence::against(file, &case.verdicts, None);
        part(
            outcome,
            name,
            FilePlace::of_outcome(file, &case.verdicts, outcome),
            lines,
        );
    }
    parts
}

fn rows(result: &ScenarioResult) -> Vec<String> {
    let scenario = text(&result.file.scenario.name);
    let row = |outcome: Outcome, name: &str, took: &str| {
        format!(
            "| {} {outcome} | {scenario} | {} | {took} |\n",
            symbol(outcome),
            text(name)
        )
    };
    let runs = result.runs.iter().map(|run| {
        let took = format!("{:.1} s", run.took.as_secs_f64());
        row(run.verdict.outcome, &evidence::run_name(run), &took)
    });
    let compare = result.compare.iter().map(|case| {
        row(
            evidence::compare_outcome(case),
            &evidence::compare_name(case),
            "",
        )
    });
    runs.chain(compare).collect()
}

/// Renders everything about a scenario, folded.
fn details(result: &ScenarioResult) -> String {
    let scenario = &result.file.scenario;
    let mut body = String::new();
    if let Some(claim) = &scenario.claim {
        let truth = scenario
            .truth
            .map(|truth| format!("**{}:** ", truth.as_str()));
        let _ = writeln!(body, "> {}{}\n", truth.unwrap_or_default(), text(claim));
    }
    for run in &result.runs {
        let _ = writeln!(
            body,
            "**{}**\n\n{}\n",
            text(&evidence::run_name(run)),
            fenced(&evidence::of_run(run))
        );
    }
    for case in &result.compare {
        let lines: Vec<String> = case.verdicts.iter().map(evidence::verdict).collect();
        let _ = writeln!(
            body,
            "**{}**\n\n{}\n",
            text(&evidence::compare_name(case)),
            fenced(&lines)
        );
    }
    format!(
        "<details><summary>{} {}</summary>\n\n{body}</details>\n\n",
        symbol(result.outcome()),
        html(&evidence::marked(
            scenario.title.clone(),
            evidence::scenario_emulated(result)
        ))
    )
}

fn symbol(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "✅",
        Outcome::Skipped => "⏭️",
        Outcome::Flaky => "🎲",
        Outcome::NotApplicable => "➖",
        Outcome::Inconclusive => "❔",
        Outcome::Failed => "❌",
        Outcome::Errored => "💥",
    }
}

/// Escapes text of one line for use within HTML, where Markdown has no effect.
fn html(raw: &str) -> String {
    one_line(raw)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Escapes text of one line against Markdown and HTML (CommonMark: ASCII punctuation may be escaped; HTML by entities).
fn text(raw: &str) -> String {
    let mut text = String::new();
    for c in html(raw).chars() {
        if matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '@' | '$'
        ) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// Returns a code span with a fence longer than any run of backticks in the text.
fn code(raw: &str) -> String {
    let fence = "`".repeat(longest_run(raw) + 1);
    let pad = if raw.starts_with('`') || raw.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{raw}{pad}{fence}")
}

/// Returns a code block with a fence longer than any run of backticks in the text.
fn fenced(lines: &[String]) -> String {
    let body = lines.join("\n");
    let fence = "`".repeat(longest_run(&body).max(2) + 1);
    format!("{fence}text\n{}\n{fence}", printable(body.trim_end()))
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_never_markup() {
        assert_eq!(
            text("a|b <i>*c*</i>\n#d"),
            "a\\|b &lt;i&gt;\\*c\\*&lt;/i&gt; #d"
        );
    }

    #[test]
    fn evidence_cannot_end_its_block() {
        assert_eq!(fenced(&["a ``` b".to_owned()]), "````text\na ``` b\n````");
        assert_eq!(code("a`b`"), "`` a`b` ``");
    }

    #[test]
    fn a_long_summary_is_cut_between_parts_and_says_so() {
        let parts: Vec<String> = (0..30).map(|_| "x".repeat(50_000) + "\n").collect();
        let text = bounded(&parts);
        assert!(text.len() <= MOST);
        assert!(
            text.contains("10 parts are left out"),
            "{}",
            &text[text.len() - 200..]
        );
        assert!(text.starts_with('x'));
    }
}
