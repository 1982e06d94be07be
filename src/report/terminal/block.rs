//! The block of one run, or of the comparisons of one case.

use std::fmt::Write;

use super::layout::{cut, plain, width, wrap};
use super::style::Style;
use super::{run_label, spark};
use crate::record::{Outcome, Timeline, Verdict};
use crate::report::evidence::{self, emulated};
use crate::report::failures;
use crate::report::metrics;
use crate::report::place::FilePlace;
use crate::scenario::expr::MetricRef;
use crate::suite::{CaseComparison, RunResult, ScenarioFile, ScenarioResult};

/// Columns before the lines of a run, and before those of a verdict.
const IN_RUN: usize = 7;
const IN_VERDICT: usize = 9;
/// Columns of a sparkline, and the fewest that are readable.
const COURSE: usize = 40;
const SHORTEST_COURSE: usize = 8;

/// Clients whose load is shown, unless the output is verbose. A lab can have thousands.
const MOST_CLIENTS: usize = 10;

/// A function that colours a word.
type Paint = fn(Style, &str) -> String;
/// The label of lines that need none.
const NO_WORD: (&str, Paint) = ("", Style::faint);

/// Renders outcome, name and time; the reason; what was emulated; expectations; load and notes.
pub(super) fn run(run: &RunResult, file: &ScenarioFile, style: Style) -> String {
    let mut text = head(
        run.verdict.outcome,
        &run_label(&run.spec.id),
        emulated(run),
        &format!("{:.1} s", run.took.as_secs_f64()),
        style,
    );
    let reason = run.verdict.reason.as_deref();
    if let Some(reason) = reason {
        paragraph(&mut text, NO_WORD, reason, IN_RUN, style);
    }
    for words in &run.last_words {
        paragraph(&mut text, ("| ", Style::faint), words, IN_RUN, style);
    }
    for sentence in evidence::emulations(run) {
        paragraph(
            &mut text,
            ("emulated: ", Style::warn),
            &sentence,
            IN_RUN,
            style,
        );
    }
    let course = |verdict: &Verdict| {
        let metrics = metrics::behind(verdict, &run.spec.expect);
        courses(
            metrics
                .into_iter()
                .map(|metric| (metric, Some(&run.timeline))),
            style,
        )
    };
    for verdict in run.verdict.judged() {
        text.push_str(&verdict_lines(verdict, file, reason, &course, style));
    }
    if style.verbose || evidence::is_against(run.verdict.outcome) {
        let loads = &run.timeline.loads;
        let shown = match style.verbose {
            true => loads.len(),
            false => loads.len().min(MOST_CLIENTS),
        };
        for load in &loads[..shown] {
            paragraph(&mut text, NO_WORD, &evidence::load(load), IN_RUN, style);
            if let Some(closing) = evidence::closing(run, load) {
                paragraph(&mut text, NO_WORD, &closing, IN_RUN, style);
            }
        }
        for line in failures::of_commands(&run.spec, &run.timeline) {
            paragraph(&mut text, NO_WORD, &line, IN_RUN, style);
        }
        let errors = failures::by_reason(run);
        let shown_errors = match style.verbose {
            true => errors.len(),
            false => errors.len().min(MOST_CLIENTS),
        };
        for sentence in &errors[..shown_errors] {
            paragraph(&mut text, NO_WORD, sentence, IN_RUN, style);
        }
        if shown < loads.len() {
            let more = format!(
                "and {} more clients (--verbose shows all)",
                loads.len() - shown
            );
            paragraph(&mut text, NO_WORD, &more, IN_RUN, style);
        }
    }
    for note in evidence::notes(run) {
        paragraph(&mut text, ("note: ", Style::faint), &note, IN_RUN, style);
    }
    match &run.record {
        Ok(None) => {}
        Ok(Some(path)) => {
            let path = path.display().to_string();
            paragraph(&mut text, ("record: ", Style::faint), &path, IN_RUN, style);
        }
        Err(why) => paragraph(&mut text, ("no record: ", Style::warn), why, IN_RUN, style),
    }
    match &run.capture {
        Ok(None) => {}
        Ok(Some(path)) => {
            let path = path.display().to_string();
            paragraph(&mut text, ("packets: ", Style::faint), &path, IN_RUN, style);
        }
        Err(why) => paragraph(&mut text, ("no packets: ", Style::warn), why, IN_RUN, style),
    }
    text
}

/// Renders outcome and case, and each comparison.
pub(super) fn compare(case: &CaseComparison, result: &ScenarioResult, style: Style) -> String {
    let parameters = case
        .case
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    let mut text = head(
        evidence::compare_outcome(case),
        "compare",
        evidence::any_emulated(&case.verdicts),
        &parameters.collect::<Vec<_>>().join(" "),
        style,
    );
    let timeline = |metric: &MetricRef| {
        let run = result
            .runs
            .iter()
            .find(|run| run.spec.id.case == case.case && run.spec.id.variant == metric.variant);
        run.map(|run| &run.timeline)
    };
    let course = |verdict: &Verdict| {
        let metrics = metrics::behind(verdict, &result.file.scenario.compare);
        courses(
            metrics.into_iter().map(|metric| (metric, timeline(metric))),
            style,
        )
    };
    for verdict in &case.verdicts {
        text.push_str(&verdict_lines(verdict, &result.file, None, &course, style));
    }
    text
}

fn head(outcome: Outcome, name: &str, emulated: bool, aside: &str, style: Style) -> String {
    let mark = if emulated { " (emulated)" } else { "" };
    let taken = IN_RUN + mark.len() + 1 + width(aside);
    let name = plain(name);
    let name = cut(&name, style.room(taken));
    let aside = if aside.is_empty() {
        String::new()
    } else {
        format!(" {}", style.faint(&plain(aside)))
    };
    format!(
        "  {} {}{}{aside}\n",
        style.outcome(outcome),
        style.strong(&name),
        if emulated {
            style.warn(mark)
        } else {
            String::new()
        },
    )
}

fn verdict_lines(
    verdict: &Verdict,
    file: &ScenarioFile,
    said: Option<&str>,
    course: &dyn Fn(&Verdict) -> Vec<String>,
    style: Style,
) -> String {
    let mut text = match verdict.outcome {
        Outcome::Passed | Outcome::Flaky => {
            let mut text = passed(verdict, style);
            if let Some(note) = &verdict.reason {
                paragraph(&mut text, NO_WORD, note, IN_VERDICT, style);
            }
            text
        }
        _ => {
            let mut text = claim(verdict, file, style);
            for line in evidence::why(verdict, said) {
                paragraph(&mut text, NO_WORD, &line, IN_VERDICT, style);
            }
            text
        }
    };
    if style.verbose || evidence::is_against(verdict.outcome) {
        for line in course(verdict) {
            let _ = writeln!(text, "{:IN_VERDICT$}{line}", "");
        }
    }
    text
}

/// Returns one line: the text, and the observed values in brackets. If there is no room for both, the values lose their
/// names (the text has them, in the same order) before anything is cut, and the text is cut before the values.
fn passed(verdict: &Verdict, style: Style) -> String {
    let room = style.room(IN_VERDICT + 2);
    let claim = plain(&verdict.text).replace('\n', " ");
    let emulated = if verdict.emulated { "; emulated" } else { "" };
    let true_at = verdict.decided_at.filter(|_| claim.contains(" within "));
    let true_at = true_at.map_or(String::new(), |at| format!(" at {at}"));
    let brackets =
        |observed: &str| plain(&format!("[{observed}{true_at}{emulated}]")).replace('\n', " ");
    let values: Vec<&str> = verdict
        .observed
        .iter()
        .map(|each| each.value.as_str())
        .collect();
    let mut observed = brackets(&verdict.observed_text());
    if values.len() == 1 || room.is_some_and(|room| width(&claim) + width(&observed) > room) {
        observed = brackets(&values.join(", "));
    }
    let observed = cut(
        &observed,
        room.map(|room| room.saturating_sub(width(&claim)).max(room / 2)),
    );
    let claim = cut(
        &claim,
        room.map(|room| room.saturating_sub(width(&observed))),
    );
    format!(
        "       {} {claim}  {}\n",
        style.mark(verdict.outcome),
        style.faint(&observed)
    )
}

/// Writes the text and its place, on one line if there is room.
fn claim(verdict: &Verdict, file: &ScenarioFile, style: Style) -> String {
    let claim = wrap(&plain(&verdict.text), style.room(IN_VERDICT));
    let place = FilePlace::of_verdict(file, verdict).to_string();
    let place = plain(&place);
    let last = claim.last().map_or(0, |line| width(line));
    let beside = style
        .room(IN_VERDICT)
        .is_none_or(|room| last + 2 + width(&place) <= room);
    let gap = if beside {
        "  ".to_owned()
    } else {
        format!("\n{:IN_VERDICT$}", "")
    };
    let claim = claim.join(&format!("\n{:IN_VERDICT$}", ""));
    format!(
        "       {} {claim}{gap}{}\n",
        style.mark(verdict.outcome),
        style.faint(&place)
    )
}

/// Writes a line for each metric with values over time.
fn courses<'a>(
    metrics: impl Iterator<Item = (&'a MetricRef, Option<&'a Timeline>)>,
    style: Style,
) -> Vec<String> {
    let mut lines = Vec::new();
    for (metric, timeline) in metrics {
        let Some((timeline, series)) = timeline
            .and_then(|timeline| Some((timeline, timeline.series(metric.series.as_str())?)))
        else {
            continue;
        };
        let variant = metric.variant.iter().map(|variant| format!("{variant}."));
        let name = variant.collect::<String>() + metric.series.as_str();
        let name = plain(&name);
        // The rest of the line after the name and figures of usual length.
        let room =
            style.room(IN_VERDICT + width(&name) + 1 + "max 10000 at 10.000s, last 10000".len());
        let columns = room.map_or(COURSE, |room| room.clamp(SHORTEST_COURSE, COURSE));
        if let Some(line) = spark::line(series, timeline, columns) {
            let line = evidence::marked(format!("{name} {line}"), series.declaration.emulated);
            lines.push(cut(&line, style.room(IN_VERDICT)).into_owned());
        }
    }
    lines
}

/// Writes text after a label, with wrapped lines indented to the end of the label.
fn paragraph(text: &mut String, word: (&str, Paint), body: &str, indent: usize, style: Style) {
    let (word, paint) = word;
    let indent_of_body = indent + width(word);
    let lines = wrap(&plain(body), style.room(indent_of_body));
    let body = lines.join(&format!("\n{:indent_of_body$}", ""));
    let word = if word.is_empty() {
        String::new()
    } else {
        paint(style, word)
    };
    let _ = writeln!(text, "{:indent$}{word}{body}", "");
}
