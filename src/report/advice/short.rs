//! One sentence about a line, and one about the whole file: for the summary and for the file to use.

use super::words;
use crate::advise::{Advice, Experiment, LineAdvice, Ruling};
use crate::compare::Conclusion;
use crate::report::compare::sentence;

/// Returns the reason for the ruling in one sentence.
pub(super) fn reason(line: &LineAdvice, advice: &Advice) -> String {
    let ruling = line.ruling();
    let sentences = || words::sentences(line, advice);
    let found = match ruling {
        Ruling::Trade if let Some(trade) = line.trade() => Some(words::trade(trade)),
        Ruling::Trade | Ruling::Did(_) => line.deciding().first().map(|each| result(each)),
        Ruling::NotReached => {
            let needs = line.too_short.iter().find_map(|each| each.needs.as_ref());
            needs.map(|needs| format!("would need {needs}"))
        }
        // What the key is for comes last.
        Ruling::AlreadySo | Ruling::Subject(_) | Ruling::HostWide | Ruling::NotMeasured => {
            sentences().pop()
        }
        Ruling::CannotApply
        | Ruling::Ignored
        | Ruling::Overridden
        | Ruling::Excludes
        | Ruling::MatchesNothing
        | Ruling::NotTried
        | Ruling::OutOfScope => sentences().into_iter().next(),
        // Those that were cut short come last.
        Ruling::NotRun => line.not_run.last().map(|(scenario, why)| {
            format!("{scenario} would show the effect, but was not run ({why})")
        }),
        Ruling::NotShown => line.too_short.first().map(words::out_of_reach),
    };
    found.unwrap_or_default()
}

/// Returns the condition of an experiment with its first figure, as in `at 100 connections/s: load.established 1000 ->
/// 1800 (+80 %)`.
pub(super) fn result(experiment: &Experiment) -> String {
    let sentence = sentence(&experiment.comparison);
    if experiment.comparison.reason.is_some() {
        return sentence;
    }
    let figures = sentence
        .split_once(": ")
        .map_or(sentence.as_str(), |(_, figures)| figures);
    let first = figures.split(';').next().unwrap_or_default();
    format!("{}: {first}", experiment.condition())
}

/// Returns the answer for all lines together, with the reason; `None` if they were not run together.
pub(super) fn whole(advice: &Advice) -> Option<(Conclusion, String)> {
    let answer = advice.whole()?;
    let positions = advice.blame.iter().flatten();
    let blame: Vec<String> = positions
        .filter_map(|line| advice.lines.get(*line))
        .map(|line| line.entry.place.line.to_string())
        .collect();
    let together = || advice.together.iter();
    let hurts = |each: &&Experiment| each.answer() == Conclusion::Hurts;
    let deciding = (together().find(hurts).filter(|_| !blame.is_empty()))
        .or_else(|| together().find(|each| advice.answer_together(each) == answer))
        .or_else(|| together().next())?;
    let because = result(deciding);
    let sentence = match (answer, &blame[..]) {
        (Conclusion::Hurts, []) if advice.blame.is_none() => {
            format!("together; the line to blame was not found in time; {because}")
        }
        (Conclusion::Hurts, []) => format!("together; no single line is to blame; {because}"),
        (_, []) => format!("together; {because}"),
        (_, [line]) => format!("together, because of line {line}; {because}"),
        (_, lines) => format!("together, because of lines {}; {because}", lines.join(", ")),
    };
    Some((answer, sentence))
}
