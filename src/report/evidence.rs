//! The wording that the formats for people share: plain lines about a result, without layout or escaping.

use crate::metrics::client::{CLOSED_BY_CLIENT, CLOSED_BY_SERVER};
use crate::metrics::{Metric, node as node_metrics};
use crate::names::ActorName;
use crate::record::{LoadReport, Outcome, Verdict};
use crate::scenario::RunId;
use crate::suite::{CaseComparison, EarlierAttempt, RunResult, ScenarioFile, ScenarioResult};

use crate::units::{Unit, show};

use super::place::FilePlace;

/// Returns whether anything in a run, or in its verdicts, was emulated.
pub(super) fn emulated(run: &RunResult) -> bool {
    run.timeline.emulated()
        || any_emulated(&run.verdict.verdicts)
        || run
            .timeline
            .all_series()
            .any(|series| series.declaration.emulated)
}

/// Returns whether a quantity in one of the verdicts was emulated.
pub(super) fn any_emulated(verdicts: &[Verdict]) -> bool {
    verdicts.iter().any(|verdict| verdict.emulated)
}

/// Returns whether anything in a scenario's runs or comparisons was emulated.
pub(super) fn scenario_emulated(result: &ScenarioResult) -> bool {
    result.runs.iter().any(emulated)
        || result
            .compare
            .iter()
            .any(|case| any_emulated(&case.verdicts))
}

/// Returns the label of a run among those of its scenario: variant, case and repetition.
pub fn run_label(id: &RunId) -> String {
    let case = id.case.iter().map(|(key, value)| format!("{key}={value}"));
    let label: Vec<String> = id.variant.iter().cloned().chain(case).collect();
    let repetition = id.repetition.map(|number| format!("#{number}"));
    match (label.is_empty(), repetition) {
        (true, None) => "run".to_owned(),
        (true, Some(repetition)) => format!("run {repetition}"),
        (false, None) => label.join(" "),
        (false, Some(repetition)) => format!("{} {repetition}", label.join(" ")),
    }
}

/// Returns the name of a run, marked if it was emulated. A lone run has the name of its scenario.
pub(super) fn run_name(run: &RunResult) -> String {
    let id = &run.spec.id;
    let name = if id.variant.is_none() && id.case.is_empty() {
        let repetition = id.repetition.map(|number| format!(" #{number}"));
        id.scenario.clone() + &repetition.unwrap_or_default()
    } else {
        run_label(id)
    };
    marked(name, emulated(run))
}

/// Returns the name of a scenario's comparisons, marked if they compare something emulated.
pub(super) fn compare_name(case: &CaseComparison) -> String {
    let parameters = case
        .case
        .iter()
        .map(|(name, value)| format!(" {name}={value}"));
    let name = std::iter::once("compare".to_owned())
        .chain(parameters)
        .collect();
    marked(name, any_emulated(&case.verdicts))
}

/// Returns the worst outcome among the comparisons of one case.
pub(super) fn compare_outcome(case: &CaseComparison) -> Outcome {
    case.verdicts
        .iter()
        .map(|verdict| verdict.outcome)
        .max()
        .unwrap_or(Outcome::Passed)
}

/// Adds the mark for emulation.
pub(super) fn marked(text: String, emulated: bool) -> String {
    if emulated { text + " (emulated)" } else { text }
}

/// Explains why an expectation did not hold: the observed values with their time, and the reason unless it equals
/// `said`, which was already shown.
pub(super) fn why(verdict: &Verdict, said: Option<&str>) -> Vec<String> {
    let mut lines = Vec::new();
    let observed = verdict.observed_text();
    if !observed.is_empty() {
        let at = verdict
            .decided_at
            .map(|at| format!(" at {at}"))
            .unwrap_or_default();
        lines.push(marked(
            format!("observed: {observed}{at}"),
            verdict.emulated,
        ));
    }
    lines.extend(
        verdict
            .reason
            .iter()
            .filter(|reason| Some(reason.as_str()) != said)
            .cloned(),
    );
    lines
}

/// Returns true if a verdict makes its run fail, error or be inconclusive.
pub(super) fn is_against(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Failed | Outcome::Errored | Outcome::Inconclusive => true,
        Outcome::Passed | Outcome::Flaky | Outcome::Skipped | Outcome::NotApplicable => false,
    }
}

/// Returns a sentence for each feature that was emulated, with its node.
pub(super) fn emulations(run: &RunResult) -> Vec<String> {
    let built = run.timeline.built.iter().flat_map(|built| &built.emulated);
    built
        .flat_map(|(node, sentences)| {
            sentences
                .iter()
                .map(move |sentence| format!("{node}: {sentence}"))
        })
        .collect()
}

/// Returns the notes for the reader with their times, earlier attempts first.
pub(super) fn notes(run: &RunResult) -> Vec<String> {
    let each = run.timeline.notes.iter();
    let noted = each.map(|(at, note)| match at {
        Some(at) => format!("{at}: {note}"),
        None => note.clone(),
    });
    attempts(run)
        .into_iter()
        .chain(refusals(run))
        .chain(elsewhere(run))
        .chain(noted)
        .collect()
}

/// Returns a note for each client whose replies had an error status although an expectation says that nothing failed,
/// and none is about the status.
fn refusals(run: &RunResult) -> Vec<String> {
    let named = |series: &str| {
        run.spec
            .watched
            .iter()
            .any(|watched| watched.as_str().starts_with(series))
    };
    let clients = run.spec.workload.clients.iter();
    let refused = clients.filter_map(|client| {
        let name = &client.name;
        if !named(&format!("{name}.failed")) || named(&format!("{name}.status.")) {
            return None;
        }
        let count = |status: u16| {
            let series = run.timeline.series(&format!("{name}.status.{status}"))?;
            series.last().filter(|count| *count > 0)
        };
        let (status, replies) = (400..=599).find_map(|status| Some((status, count(status)?)))?;
        Some(format!(
            "client {name}: {replies} replies had the status {status}. Such replies count as completed, not as failed; \
             expect `{name}.status.{status} == 0` to notice them"
        ))
    });
    refused.collect()
}

/// Returns a sentence for the outcome of each earlier attempt.
pub(super) fn attempts(run: &RunResult) -> Vec<String> {
    let mut alone = false;
    let attempt = |(number, attempt): (usize, &EarlierAttempt)| {
        let again = match attempt.outcome {
            Outcome::Inconclusive if !std::mem::replace(&mut alone, true) => {
                "retried with no other run in parallel"
            }
            _ => "retried",
        };
        let record = attempt.record.as_ref();
        let record = record.map_or(String::new(), |path| {
            format!(" (record: {})", path.display())
        });
        format!(
            "attempt {} was {} after {:.1} s, so it was {again}: {}{record}",
            number + 1,
            attempt.outcome,
            attempt.took.as_secs_f64(),
            attempt.reason
        )
    };
    run.earlier.iter().enumerate().map(attempt).collect()
}

/// Describes which side closed a client's connections first, if any were closed.
pub(super) fn closing(run: &RunResult, load: &LoadReport) -> Option<String> {
    let (by_client, by_server) = closed_first(run, &load.client)?;
    let text = match (by_client, by_server) {
        (0, 0) => return None,
        (client, 0) => format!("the client closed first, {}", times(client)),
        (0, server) => format!("the server closed first, {}", times(server)),
        (client, server) => format!(
            "the client closed first {}, the server {}",
            times(client),
            times(server)
        ),
    };
    Some(format!("client {}: {text}", load.client))
}

fn times(count: i64) -> String {
    match count {
        1 => "once".to_owned(),
        _ => format!("{count} times"),
    }
}

/// Returns how many connections of a client were closed first by the client, and by the server.
fn closed_first(run: &RunResult, client: &ActorName) -> Option<(i64, i64)> {
    let last = |metric: &Metric| {
        let series = run
            .timeline
            .series(metric.series(client.as_str()).as_str())?;
        series.last()
    };
    Some((last(&CLOSED_BY_CLIENT)?, last(&CLOSED_BY_SERVER)?))
}

/// Returns a note for each client whose node has no TIME_WAIT, although an expectation is about that, because the
/// server closed first.
fn elsewhere(run: &RunResult) -> Vec<String> {
    let workload = &run.spec.workload;
    let clients = workload.clients.iter().filter_map(|client| {
        let node = &client.node;
        let wanted = node_metrics::TCP.series_of(node.as_str(), "TIME_WAIT");
        let is_watched = run.spec.watched.contains(&wanted);
        let others = workload.servers.iter().any(|server| server.node == *node)
            || workload.clients.iter().any(|other| other.node == *node && other.name != client.name);
        let (by_client, by_server) = closed_first(run, &client.name)?;
        (is_watched && !others && by_client == 0 && by_server > 0).then(|| {
            format!(
                "the server closed all {by_server} connections of {} first, so their TIME_WAIT is on its node, \
                 not on `{node}`",
                client.name
            )
        })
    });
    clients.collect()
}

/// Describes the offered load of a client.
pub(super) fn load(load: &LoadReport) -> String {
    let LoadReport {
        client,
        started,
        scheduled,
        achieved_rate,
        ..
    } = load;
    if load.open_loop {
        let late = |nanos: u64| show::rounded(nanos as f64 / 1e9, Unit::Seconds);
        format!(
            "client {client}: {started} of {scheduled} started, offered {:.1}/s, achieved {achieved_rate:.1}/s, \
             late by {} (p50), {} (p99), {} (max)",
            load.offered_rate,
            late(load.late_p50),
            late(load.late_p99),
            late(load.late_max),
        )
    } else {
        format!(
            "client {client}: {started} of {scheduled} started, {achieved_rate:.0}/s ({})",
            load.engine
        )
    }
}

/// Returns one line for an expectation: its outcome, its text, and the observed values.
pub(super) fn verdict(verdict: &Verdict) -> String {
    let observed = verdict.observed_text();
    let observed = if observed.is_empty() {
        String::new()
    } else {
        format!("  [{observed}]")
    };
    marked(
        format!("{}: {}{observed}", verdict.outcome, verdict.text),
        verdict.emulated,
    )
}

/// Returns the verdicts that count against a run, each with its place and the reason.
pub(super) fn against(
    file: &ScenarioFile,
    verdicts: &[Verdict],
    said: Option<&str>,
) -> Vec<String> {
    let mut lines = Vec::new();
    for verdict in verdicts
        .iter()
        .filter(|verdict| is_against(verdict.outcome))
    {
        lines.push(format!(
            "{}: {}",
            FilePlace::of_verdict(file, verdict),
            verdict.text
        ));
        lines.extend(
            why(verdict, said)
                .into_iter()
                .map(|line| format!("  {line}")),
        );
    }
    lines
}

/// Returns the paths of the record and the packets, or why they were not kept.
pub(super) fn kept(run: &RunResult) -> Vec<String> {
    let files = [("record", &run.record), ("packets", &run.capture)];
    let each = files.into_iter().filter_map(|(what, kept)| match kept {
        Ok(None) => None,
        Ok(Some(path)) => Some(format!("{what}: {}", path.display())),
        Err(why) => Some(format!("no {what}: {why}")),
    });
    each.collect()
}

/// Returns all evidence of a run, line by line.
pub(super) fn of_run(run: &RunResult) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(reason) = &run.verdict.reason {
        lines.push(format!("{}: {reason}", run.verdict.outcome));
    }
    lines.extend(
        emulations(run)
            .into_iter()
            .map(|sentence| format!("emulated: {sentence}")),
    );
    lines.extend(run.verdict.judged().iter().map(verdict));
    lines.extend(run.timeline.loads.iter().map(load));
    lines.extend(
        run.timeline
            .loads
            .iter()
            .filter_map(|load| closing(run, load)),
    );
    lines.extend(super::failures::by_reason(run));
    if is_against(run.verdict.outcome) {
        lines.extend(super::failures::of_commands(&run.spec, &run.timeline));
    }
    lines.extend(notes(run).into_iter().map(|note| format!("note: {note}")));
    lines.extend(kept(run));
    lines
}
