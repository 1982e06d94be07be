//! Renders results for a terminal or a log: the outcome first, then each expectation with the observed values.
//!
//! A run or expectation that passed takes one line. Any other shows its place in the file, what was observed and when,
//! and a sparkline of each metric that it names.

mod block;
pub(super) mod layout;
pub(crate) mod spark;
mod spread;
mod style;

use std::fmt::Write;

pub use super::evidence::run_label;
pub use style::Style;

use super::evidence;
use super::place::FilePlace;
use super::printable::one_line;
use crate::record::Outcome;
use crate::suite::{ScenarioResult, SuiteResult};
use crate::units::show;
use layout::{cut, plain, width, wrap};

/// The order in which outcomes are counted: after the passed ones, those that need action come first.
const COUNTED: [Outcome; 7] = [
    Outcome::Passed,
    Outcome::Flaky,
    Outcome::Failed,
    Outcome::Errored,
    Outcome::Inconclusive,
    Outcome::NotApplicable,
    Outcome::Skipped,
];

/// Runs that were not started that are named before they are only counted.
const NAMED: usize = 5;

/// Renders a scenario: its title, a block for each run, and its comparisons.
pub fn scenario(result: &ScenarioResult, style: Style) -> String {
    let scenario = &result.file.scenario;
    let title = one_line(&scenario.title);
    let mark = if evidence::scenario_emulated(result) {
        " (emulated)"
    } else {
        ""
    };
    let mut text = format!(
        "{} {}{}\n",
        style.outcome(result.outcome()),
        style.strong(&cut(&title, style.room(5 + mark.len()))),
        if mark.is_empty() {
            String::new()
        } else {
            style.warn(mark)
        },
    );
    let _ = writeln!(text, "     {}", style.faint(&plain(&result.file.label)));
    if let Some(claim) = &scenario.claim {
        let truth = scenario.truth.map(|truth| format!(" ({})", truth.as_str()));
        let claim = format!("claim{}: {}", truth.unwrap_or_default(), one_line(claim));
        let claim = wrap(&claim, style.room(5));
        let _ = writeln!(text, "     {}", claim.join("\n     "));
    }
    for run in &result.runs {
        text.push_str(&block::run(run, &result.file, style));
    }
    for case in &result.compare {
        text.push_str(&block::compare(case, result, style));
    }
    text.push('\n');
    text
}

/// Renders the end of a suite: its outcome, counts and duration, then a line for each run and comparison that did not
/// pass, so that the end of a long log shows where to look.
pub fn summary(result: &SuiteResult, style: Style) -> String {
    let runs: Vec<_> = result
        .scenarios
        .iter()
        .flat_map(|scenario| &scenario.runs)
        .collect();
    let mut parts = Vec::new();
    for outcome in COUNTED {
        let count = runs
            .iter()
            .filter(|run| run.verdict.outcome == outcome)
            .count();
        if count > 0 {
            parts.push((outcome, format!("{count} {outcome}")));
        }
    }
    let comparisons = result
        .scenarios
        .iter()
        .flat_map(|scenario| &scenario.compare);
    let against = comparisons
        .filter(|case| evidence::is_against(evidence::compare_outcome(case)))
        .count();
    if against > 0 {
        parts.push((
            Outcome::Failed,
            format!("{} did not pass", show::counted(against, "comparison")),
        ));
    }
    if parts.is_empty() {
        parts.push((Outcome::Skipped, "nothing ran".to_owned()));
    }
    let emulated = runs.iter().filter(|run| evidence::emulated(run)).count();
    if emulated > 0 {
        parts.push((Outcome::Inconclusive, format!("{emulated} emulated")));
    }
    let start = format!(
        "{}{}, {} in {:.1} s:",
        if result.interrupted {
            "interrupted: "
        } else {
            ""
        },
        show::counted(result.scenarios.len(), "scenario"),
        show::counted(runs.len(), "run"),
        result.took.as_secs_f64(),
    );
    let mut text = format!("{} {start}", style.outcome(result.outcome()));
    let mut column = 5 + width(&start);
    for (index, (colour, part)) in parts.iter().enumerate() {
        let comma = if index + 1 < parts.len() { "," } else { "" };
        let wide = 1 + width(part) + comma.len();
        if style
            .width
            .is_some_and(|most| column + wide > usize::from(most))
        {
            text.push_str("\n    ");
            column = 4;
        }
        let _ = write!(text, " {}{comma}", style.colour(*colour, part));
        column += wide;
    }
    text.push('\n');
    for scenario in &result.scenarios {
        text.push_str(&not_passed(scenario, style));
    }
    text.push_str(&spread::spreads(result, style));
    if !result.not_run.is_empty() {
        let named = result
            .not_run
            .iter()
            .take(NAMED)
            .map(|(_, run)| run.to_string());
        let more = match result.not_run.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named = one_line(&(named.collect::<Vec<_>>().join("; ") + &more));
        let word = style.colour(Outcome::Skipped, "not run");
        let _ = writeln!(text, "  {word}: {}", cut(&named, style.room(11)));
    }
    text
}

fn not_passed(result: &ScenarioResult, style: Style) -> String {
    let mut text = String::new();
    let mut line = |outcome: Outcome, name: &str, place: FilePlace<'_>| {
        if evidence::is_against(outcome) || outcome == Outcome::Flaky {
            let name = one_line(name);
            let place = style.faint(&plain(&place.to_string()));
            let _ = writeln!(text, "  {} {name}  {place}", style.outcome(outcome));
        }
    };
    for run in &result.runs {
        let id = run.spec.id.to_string();
        line(
            run.verdict.outcome,
            &evidence::marked(id, evidence::emulated(run)),
            FilePlace::of_run(&result.file, run),
        );
    }
    for case in &result.compare {
        let outcome = evidence::compare_outcome(case);
        let name = format!(
            "{} / {}",
            result.file.scenario.name,
            evidence::compare_name(case)
        );
        line(
            outcome,
            &name,
            FilePlace::of_outcome(&result.file, &case.verdicts, outcome),
        );
    }
    text
}
