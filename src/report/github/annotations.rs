//! Workflow commands (GitHub's "Workflow commands for GitHub Actions"): one line each on standard output.
//!
//! An error for each expectation that did not hold, a warning where a run is inconclusive, a notice where it is not
//! applicable. GitHub shows ten of each kind for a step: the summary has them all.

use crate::record::{Outcome, Verdict};
use crate::report::evidence;
use crate::report::place::FilePlace;
use crate::report::printable::{one_line, printable};
use crate::suite::{RunResult, ScenarioFile, SuiteResult};

/// Renders a suite; empty where there is nothing to point at.
pub fn annotations(result: &SuiteResult) -> String {
    let mut text = String::new();
    for scenario in &result.scenarios {
        let file = &*scenario.file;
        for run in &scenario.runs {
            text.push_str(&of_run(file, run));
        }
        for case in &scenario.compare {
            let title = format!("{} / {}", file.scenario.name, evidence::compare_name(case));
            for verdict in &case.verdicts {
                text.push_str(&of_verdict(file, verdict, &title));
            }
        }
    }
    text
}

fn of_run(file: &ScenarioFile, run: &RunResult) -> String {
    let title = evidence::marked(run.spec.id.to_string(), evidence::emulated(run));
    let verdict = &run.verdict;
    let mut text = String::new();
    if let Some(reason) = &verdict.reason {
        let mut lines = vec![reason.clone()];
        lines.extend(run.last_words.iter().cloned());
        text.push_str(&command(
            verdict.outcome,
            FilePlace::of_run(file, run),
            &title,
            &lines,
        ));
    }
    // What an inconclusive or errored run seems to say of its expectations is not to be believed.
    if verdict.outcome == Outcome::Failed {
        for each in &verdict.verdicts {
            text.push_str(&of_verdict(file, each, &title));
        }
    }
    text
}

fn of_verdict(file: &ScenarioFile, verdict: &Verdict, title: &str) -> String {
    let mut lines = vec![verdict.text.clone()];
    lines.extend(evidence::why(verdict, None));
    command(
        verdict.outcome,
        FilePlace::of_verdict(file, verdict),
        title,
        &lines,
    )
}

fn command(outcome: Outcome, place: FilePlace<'_>, title: &str, lines: &[String]) -> String {
    let kind = match outcome {
        Outcome::Failed | Outcome::Errored => "error",
        Outcome::Inconclusive | Outcome::Flaky => "warning",
        Outcome::NotApplicable => "notice",
        Outcome::Passed | Outcome::Skipped => return String::new(),
    };
    format!(
        "::{kind} file={},line={},col={},title={}::{}\n",
        property(place.path),
        place.line,
        place.column,
        property(&one_line(&format!("{outcome}: {title}"))),
        data(&lines.join("\n")),
    )
}

/// A message: what would end the command is encoded.
fn data(text: &str) -> String {
    // Before control characters are made visible, which would take the carriage return.
    let text = text
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A");
    printable(&text).into_owned()
}

/// A property: what would end it is encoded too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_command_or_a_property_is_encoded() {
        assert_eq!(data("100%\r\nof: a, b"), "100%25%0D%0Aof: a, b");
        assert_eq!(property("C:\\a,b%\n"), "C%3A\\a%2Cb%25%0A");
        assert_eq!(data("\x1b[31m"), "␛[31m");
    }
}
