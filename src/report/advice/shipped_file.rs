//! The sysctl file to use instead: kept lines with what was measured, dropped lines as comments with the reason.

use std::fmt::Write;

use super::short::reason;
use super::wrapped;
use crate::advise::{Advice, KeptPart, LineAdvice, Ruling};
use crate::report::terminal::layout::plain;

/// Columns of a comment.
const COLUMNS: usize = 100;

/// Renders the file.
pub fn render(advice: &Advice) -> String {
    let mut text = String::new();
    comment(
        &mut text,
        &format!(
            "Written by nslab {} from {}, compared with {}.",
            env!("CARGO_PKG_VERSION"),
            advice.sources.join(", "),
            super::words::reference(advice)
        ),
    );
    comment(
        &mut text,
        "Lines that hurt, cannot be applied or are ignored are comments, with the reason and what to set instead.",
    );
    let mut file = None;
    for line in &advice.lines {
        if advice.sources.len() > 1 && file != Some(&line.entry.place.file) {
            file = Some(&line.entry.place.file);
            text.push('\n');
            comment(&mut text, &format!("From {}:", line.entry.place.file));
        }
        text.push('\n');
        match dropped(line) {
            true => drop_line(&mut text, line, advice),
            false => keep_line(&mut text, line, advice),
        }
    }
    text
}

/// Returns true if the file is better without the line.
fn dropped(line: &LineAdvice) -> bool {
    match line.ruling() {
        Ruling::CannotApply | Ruling::Ignored | Ruling::Overridden | Ruling::MatchesNothing => true,
        Ruling::Subject(about) => about == crate::sysctls::About::Obsolete,
        ruling => ruling.is_bad(),
    }
}

fn drop_line(text: &mut String, line: &LineAdvice, advice: &Advice) {
    let reason = reason(line, advice);
    comment(
        text,
        &format!("Dropped, {}: {reason}", line.ruling().as_str()),
    );
    if let Some(instead) = instead(line) {
        comment(text, &instead);
    }
    comment(text, &line.entry.text);
}

/// Returns what to set in place of a dropped line, if that is known.
fn instead(line: &LineAdvice) -> Option<String> {
    let key = line.facts.first()?;
    if let Some(renamed) = crate::sysctls::renamed(&key.key) {
        return Some(format!("Instead: {} = {}", renamed.to, key.written));
    }
    if let Some(meant) = &key.meant {
        return Some(format!(
            "Instead, if it was meant: {meant} = {}",
            key.written
        ));
    }
    let ruling = line.ruling();
    if ruling.is_bad()
        && let Some(value) = &key.reference
    {
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        return Some(format!(
            "Instead: {} = {value}, the value {}",
            key.key, key.place
        ));
    }
    None
}

fn keep_line(text: &mut String, line: &LineAdvice, advice: &Advice) {
    let ruling = line.ruling();
    let condition = line.condition();
    let said = match (ruling, condition) {
        (Ruling::Trade, Some(condition)) => format!("{condition}: {}", reason(line, advice)),
        _ => reason(line, advice),
    };
    comment(text, &format!("{}: {said}", capital(ruling.as_str())));
    let part = line.facts.first().and_then(|key| Some((key, key.part()?)));
    let own = match part {
        Some((key, KeptPart::BeforeComment(kept))) => format!("{} = {kept}", key.key),
        Some((_, KeptPart::FirstNumbers(_))) | None => line.entry.text.trim().to_owned(),
    };
    let _ = writeln!(text, "{}", plain(&own));
}

/// Writes a comment of one or more lines. Nothing in it can become a setting.
fn comment(text: &mut String, said: &str) {
    for row in wrapped(said, COLUMNS) {
        let _ = writeln!(text, "# {row}");
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
