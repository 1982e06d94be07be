//! Annotations as workflow commands (GitHub's "Workflow commands for GitHub Actions"), one per line on standard output.
//!
//! Each expectation that did not hold is an error, an inconclusive run a warning, and a run that is not applicable a
//! notice. GitHub shows ten of each kind per step; the summary has them all.

use crate::record::{Outcome, Verdict};
use crate::report::evidence;
use crate::report::place::FilePlace;
use crate::report::printable::{one_line, printable};
use crate::suite::{RunResult, ScenarioFile, SuiteResult};

/// Renders a suite; empty if there is nothing to annotate.
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
    // The verdicts of an inconclusive or errored run cannot be trusted.
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

/// Encodes a message, so that nothing in it ends the command.
fn data(text: &str) -> String {
    // Encode before control characters are made visible, which would replace the carriage return.
    let text = text
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A");
    printable(&text).into_owned()
}

/// Encodes a property, in which more characters are special.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_end_a_command_or_a_property_are_encoded() {
        assert_eq!(data("100%\r\nof: a, b"), "100%25%0D%0Aof: a, b");
        assert_eq!(property("C:\\a,b%\n"), "C%3A\\a%2Cb%25%0A");
        assert_eq!(data("\x1b[31m"), "␛[31m");
    }
}
