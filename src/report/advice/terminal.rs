//! Advice for a terminal: each line of the file with its ruling and the reasons.

use std::fmt::Write;

use super::words;
use crate::advise::{Advice, Ruling};
use crate::compare::Conclusion;
use crate::record::Outcome;
use crate::report::terminal::Style;
use crate::report::terminal::layout::{plain, wrap};

/// Columns before the sentences about a line.
const INDENT: usize = 18;

/// Renders advice for a terminal.
pub fn render(advice: &Advice, style: Style) -> String {
    let mut text = String::new();
    let mut file = None;
    for line in &advice.lines {
        let place = &line.entry.place;
        if file != Some(&place.file) {
            let _ = writeln!(text, "{}", style.strong(&plain(&place.file)));
            file = Some(&place.file);
        }
        let ruling = line.ruling();
        let word = style.colour(outcome(ruling), &format!("{:<17}", ruling.as_str()));
        let _ = writeln!(
            text,
            "{word} {:>4}  {}",
            place.line,
            plain(&line.entry.text)
        );
        for sentence in words::sentences(line, advice) {
            paragraph(&mut text, &sentence, style);
        }
        for folder in line.experiments.iter().filter_map(words::records) {
            let _ = writeln!(
                text,
                "{:INDENT$}{}",
                "",
                style.faint(&format!("records: {}", plain(&folder)))
            );
        }
    }
    for each in &advice.together {
        let answer = advice.answer_together(each);
        let word = style.colour(
            outcome(Ruling::Did(answer)),
            &format!("{:<17}", answer.as_str()),
        );
        let _ = writeln!(
            text,
            "{word} lines {} together",
            words::lines(&each.lines, advice)
        );
        paragraph(&mut text, &words::experiment(each, advice), style);
        if let Some(folder) = words::records(each) {
            let _ = writeln!(
                text,
                "{:INDENT$}{}",
                "",
                style.faint(&format!("records: {}", plain(&folder)))
            );
        }
    }
    let cut = advice
        .cut_short
        .map(|why| format!("; cut short: {why}"))
        .unwrap_or_default();
    let count = advice.lines.len();
    let noun = if count == 1 { "line" } else { "lines" };
    let _ = writeln!(
        text,
        "\n{count} {noun} in {:.1} s, compared with {}: {}{cut}",
        advice.took.as_secs_f64(),
        plain(&words::reference(advice)),
        words::counts(advice)
    );
    text
}

fn paragraph(text: &mut String, sentence: &str, style: Style) {
    for line in wrap(&plain(sentence), style.room(INDENT)) {
        let _ = writeln!(text, "{:INDENT$}{line}", "");
    }
}

/// Returns the outcome whose colour suits a ruling.
pub(super) fn outcome(ruling: Ruling) -> Outcome {
    match ruling {
        Ruling::Did(Conclusion::Helps) => Outcome::Passed,
        Ruling::Did(Conclusion::NoEffect)
        | Ruling::OutOfScope
        | Ruling::AlreadySo
        | Ruling::Overridden
        | Ruling::Excludes
        | Ruling::MatchesNothing
        | Ruling::Ignored => Outcome::Skipped,
        Ruling::Did(Conclusion::Changes | Conclusion::NotApplicable | Conclusion::Trade)
        | Ruling::HostWide
        | Ruling::Subject(_)
        | Ruling::NotMeasured
        | Ruling::NotTried
        | Ruling::NotRun
        | Ruling::Trade
        | Ruling::NotReached
        | Ruling::NotShown => Outcome::NotApplicable,
        Ruling::Did(Conclusion::TooNoisy) => Outcome::Inconclusive,
        Ruling::Did(Conclusion::Errored) => Outcome::Errored,
        Ruling::Did(Conclusion::Hurts) | Ruling::CannotApply => Outcome::Failed,
    }
}
