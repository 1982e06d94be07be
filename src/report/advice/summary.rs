//! The answer for a whole file on one screen: what hurts or cannot apply first, then compromises, then what helps.

use std::fmt::Write;

use super::short::{reason, whole};
use super::terminal::outcome;
use super::words;
use crate::advise::{Advice, LineAdvice, Ruling};
use crate::compare::Conclusion;
use crate::report::terminal::Style;
use crate::report::terminal::layout::{cut, plain};

/// The rows and columns of a terminal (VT100), into which the summary fits.
const ROWS: usize = 24;
const COLUMNS: usize = 80;
/// Rows around the list: the command, the file, the whole file with the lines to blame, a blank row, the counts in up
/// to four rows, the hint, and the prompt.
const AROUND: usize = 10;
/// Columns before the text of a line.
const INDENT: usize = 22;
/// Columns before its reason.
const REASON: usize = 6;

/// Renders the summary of advice.
pub fn render(advice: &Advice, style: Style) -> String {
    let mut text = String::new();
    let names = advice.sources.join(", ");
    let head = format!("{names}, compared with {}", words::reference(advice));
    let _ = writeln!(text, "{}", style.strong(&fit(&head, COLUMNS)));
    let mut listed: Vec<&LineAdvice> = advice
        .lines
        .iter()
        .filter(|line| priority(line).is_some())
        .collect();
    listed.sort_by_key(|line| priority(line));
    let room = ROWS - AROUND;
    // With few lines there is room for the reason of each.
    let reasons = room.saturating_sub(listed.len());
    let shown = if listed.len() > room {
        room - 1
    } else {
        listed.len()
    };
    for (index, line) in listed.iter().take(shown).enumerate() {
        entry(&mut text, line, advice, style);
        if index < reasons {
            let reason = fit(&reason(line, advice), COLUMNS - REASON);
            let _ = writeln!(text, "{:REASON$}{}", "", style.faint(&reason));
        }
    }
    if let Some(more) = listed.len().checked_sub(shown).filter(|more| *more > 0) {
        let _ = writeln!(text, "{:INDENT$}and {more} more", "");
    }
    if let Some((answer, sentence)) = whole(advice) {
        let word = style.colour(
            outcome(Ruling::Did(answer)),
            &format!("{:<15}", answer.as_str()),
        );
        let _ = writeln!(
            text,
            "{word} {:>4}  {}",
            "all",
            fit(&sentence, COLUMNS - INDENT)
        );
    }
    let count = advice.lines.len();
    let noun = if count == 1 { "line" } else { "lines" };
    // The counts may be cut, the reason may not.
    let cut_short = advice.cut_short.map(|why| format!(" (cut short: {why})"));
    let counts = format!(
        "{count} {noun} in {:.0} s{}: {}",
        advice.took.as_secs_f64(),
        cut_short.unwrap_or_default(),
        words::counts(advice)
    );
    text.push('\n');
    for row in super::wrapped(&counts, COLUMNS).into_iter().take(4) {
        let _ = writeln!(text, "{row}");
    }
    let _ = writeln!(
        text,
        "{}",
        style.faint("--details shows every line; --write FILE writes the file to use instead")
    );
    text
}

fn entry(text: &mut String, line: &LineAdvice, advice: &Advice, style: Style) {
    let ruling = line.ruling();
    let word = style.colour(outcome(ruling), &format!("{:<15}", ruling.as_str()));
    let place = &line.entry.place;
    let file = if advice.sources.len() > 1 {
        let name = place.file.rsplit('/').next().unwrap_or_default();
        format!("  ({name})")
    } else {
        String::new()
    };
    let room = COLUMNS - INDENT;
    let own = fit(&format!("{}{file}", line.entry.text.trim()), room);
    let _ = writeln!(text, "{word} {:>4}  {own}", place.line);
}

/// Makes text from outside safe, and cuts it.
fn fit(text: &str, columns: usize) -> String {
    cut(&plain(text), Some(columns)).into_owned()
}

/// Returns the place of a line in the list; `None` if it is only counted.
fn priority(line: &LineAdvice) -> Option<u8> {
    match line.ruling() {
        Ruling::Did(Conclusion::Hurts) if line.is_bad() => Some(0),
        Ruling::CannotApply if line.is_bad() => Some(1),
        Ruling::Trade => Some(2),
        Ruling::Did(Conclusion::Changes | Conclusion::Trade) => Some(3),
        Ruling::Did(Conclusion::Helps) => Some(4),
        Ruling::Did(Conclusion::TooNoisy | Conclusion::Errored) => Some(5),
        Ruling::NotReached => Some(6),
        Ruling::Did(Conclusion::Hurts | Conclusion::NoEffect | Conclusion::NotApplicable)
        | Ruling::CannotApply
        | Ruling::Ignored
        | Ruling::Overridden
        | Ruling::Excludes
        | Ruling::MatchesNothing
        | Ruling::HostWide
        | Ruling::AlreadySo
        | Ruling::Subject(_)
        | Ruling::NotMeasured
        | Ruling::NotTried
        | Ruling::OutOfScope
        | Ruling::NotRun
        | Ruling::NotShown => None,
    }
}
