//! For a person at a terminal, or reading a log: outcome first, then each expectation with what was observed.

mod style;

use std::fmt::Write;

pub use style::Style;

use crate::record::{LoadReport, Outcome, Verdict};
use crate::scenario::RunId;
use crate::suite::{CaseComparison, RunResult, ScenarioResult, SuiteResult};

/// Renders a scenario: a line of title, a block for each run, its comparisons.
pub fn scenario(result: &ScenarioResult, style: Style) -> String {
    let scenario = &result.file.scenario;
    let mut text = format!(
        "{} {}\n",
        style.outcome(result.outcome()),
        style.strong(&scenario.title)
    );
    let _ = writeln!(text, "     {}", style.faint(&result.file.label));
    if let Some(claim) = &scenario.claim {
        let _ = writeln!(text, "     claim: {}", claim.trim());
    }
    for run in &result.runs {
        text.push_str(&run_block(run, &result.file.label, style));
    }
    for case in &result.compare {
        text.push_str(&compare_block(case, &result.file.label, style));
    }
    text.push('\n');
    text
}

/// Renders the last lines of a suite: how many of each outcome, and how long it took.
pub fn summary(result: &SuiteResult, style: Style) -> String {
    let outcomes: Vec<Outcome> = result
        .scenarios
        .iter()
        .flat_map(|scenario| &scenario.runs)
        .map(|run| run.verdict.outcome)
        .collect();
    let mut parts = Vec::new();
    for outcome in [
        Outcome::Passed,
        Outcome::Failed,
        Outcome::Errored,
        Outcome::Inconclusive,
        Outcome::NotApplicable,
        Outcome::Skipped,
    ] {
        let count = outcomes.iter().filter(|each| **each == outcome).count();
        if count > 0 {
            parts.push(style.colour(outcome, &format!("{count} {outcome}")));
        }
    }
    let interrupted = if result.interrupted {
        "interrupted: "
    } else {
        ""
    };
    let scenarios = match result.scenarios.len() {
        1 => "1 scenario".to_owned(),
        n => format!("{n} scenarios"),
    };
    let runs = match outcomes.len() {
        1 => "1 run".to_owned(),
        n => format!("{n} runs"),
    };
    let parts = if parts.is_empty() {
        "nothing ran".to_owned()
    } else {
        parts.join(", ")
    };
    format!(
        "{interrupted}{scenarios}, {runs} in {:.1} s: {parts}\n",
        result.took.as_secs_f64()
    )
}

/// What tells a run from its siblings: variant and case.
pub fn run_label(id: &RunId) -> String {
    let case = id.case.iter().map(|(key, value)| format!("{key}={value}"));
    let label: Vec<String> = id.variant.iter().cloned().chain(case).collect();
    if label.is_empty() {
        "run".to_owned()
    } else {
        label.join(" ")
    }
}

fn run_block(run: &RunResult, path: &str, style: Style) -> String {
    let emulated = if run.timeline.emulated() {
        style.warn(" (emulated)")
    } else {
        String::new()
    };
    let mut text = format!(
        "  {} {}{emulated} {}\n",
        style.outcome(run.verdict.outcome),
        style.strong(&run_label(&run.spec.id)),
        style.faint(&format!("{:.1} s", run.took.as_secs_f64())),
    );
    if let Some(reason) = &run.verdict.reason {
        let _ = writeln!(text, "       {}", indented(reason, 7));
    }
    for word in &run.last_words {
        let _ = writeln!(text, "       {} {word}", style.faint("|"));
    }
    for statement in run
        .timeline
        .built
        .iter()
        .flat_map(|built| built.emulated.values())
        .flatten()
    {
        let _ = writeln!(text, "       {} {statement}", style.warn("emulated:"));
    }
    for verdict in &run.verdict.verdicts {
        text.push_str(&verdict_lines(verdict, path, style));
    }
    for load in &run.timeline.loads {
        let _ = writeln!(text, "       {}", style.faint(&load_line(load)));
    }
    for (at, note) in &run.timeline.notes {
        let at = at.map(|at| format!("{at}: ")).unwrap_or_default();
        let _ = writeln!(
            text,
            "       {} {at}{}",
            style.faint("note:"),
            indented(note, 13)
        );
    }
    text
}

fn compare_block(case: &CaseComparison, path: &str, style: Style) -> String {
    let outcome = case
        .verdicts
        .iter()
        .map(|verdict| verdict.outcome)
        .max()
        .unwrap_or(Outcome::Passed);
    let label: Vec<String> = case
        .case
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let mut text = format!(
        "  {} {} {}\n",
        style.outcome(outcome),
        style.strong("compare"),
        label.join(" ")
    );
    for verdict in &case.verdicts {
        text.push_str(&verdict_lines(verdict, path, style));
    }
    text
}

fn verdict_lines(verdict: &Verdict, path: &str, style: Style) -> String {
    let observed: Vec<String> = verdict
        .observed
        .iter()
        .map(|each| format!("{} = {}", each.quantity, each.value))
        .collect();
    let observed = observed.join(", ");
    let mut text = format!("       {} {}", style.mark(verdict.outcome), verdict.text);
    if verdict.outcome == Outcome::Passed {
        let _ = writeln!(text, "  {}", style.faint(&format!("[{observed}]")));
        return text;
    }
    let _ = writeln!(
        text,
        "   {}",
        style.faint(&format!("{path}:{}:{}", verdict.line, verdict.column))
    );
    if !observed.is_empty() {
        let at = verdict
            .decided_at
            .map(|at| format!(" at {at}"))
            .unwrap_or_default();
        let _ = writeln!(text, "         observed: {observed}{at}");
    }
    if let Some(reason) = &verdict.reason {
        let _ = writeln!(text, "         {}", indented(reason, 9));
    }
    text
}

fn load_line(load: &LoadReport) -> String {
    let micros = |nanos: u64| nanos / 1000;
    if load.open_loop {
        format!(
            "load {}: {} of {} started, offered {:.1}/s, achieved {:.1}/s, late by {} µs (p50), {} µs (p99), {} µs (most)",
            load.client,
            load.started,
            load.scheduled,
            load.offered_rate,
            load.achieved_rate,
            micros(load.late_p50),
            micros(load.late_p99),
            micros(load.late_max),
        )
    } else {
        format!(
            "load {}: {} of {} started, {:.0}/s ({})",
            load.client, load.started, load.scheduled, load.achieved_rate, load.engine
        )
    }
}

fn indented(text: &str, by: usize) -> String {
    text.trim_end().replace('\n', &format!("\n{:by$}", ""))
}
