//! A comparison for a terminal.

use std::fmt::Write;

use super::{figure, words};
use crate::compare::{Comparison, Conclusion, Effect, EffectKind, Rank, Trial};
use crate::record::Outcome;
use crate::report::terminal::Style;
use crate::report::terminal::layout::{plain, width, wrap};

/// Metrics without a better direction that are shown without `--verbose`.
const BESIDE: usize = 8;

/// Renders a comparison for a terminal.
pub fn render(trial: &Trial, style: Style) -> String {
    let mut text = head(trial, style);
    let others = trial.sides.iter().skip(1);
    for (other, comparison) in others.zip(&trial.comparisons) {
        let letter = other.side.letter;
        let sentence = format!("{letter} {}", plain(&words::sentence(comparison)));
        let mark = colour(comparison.answer, style);
        let lines = wrap(&sentence, style.room(2));
        let _ = writeln!(text, "\n{mark} {}", lines.join("\n    "));
        text.push_str(&table(comparison, letter, style));
    }
    let seconds = trial.took.as_secs_f64();
    let interrupted = if trial.interrupted {
        ", interrupted"
    } else {
        ""
    };
    let _ = writeln!(
        text,
        "\n{}",
        style.faint(&format!("in {seconds:.1} s{interrupted}"))
    );
    text
}

fn head(trial: &Trial, style: Style) -> String {
    let Some(first) = trial.sides.first() else {
        return String::new();
    };
    let file = &first.side.file;
    let emulated = if words::emulated(&trial.sides) {
        " (emulated)"
    } else {
        ""
    };
    let mut text = format!(
        "{}{emulated}\n",
        style.strong(&plain(&first.side.spec.id.to_string()))
    );
    let _ = writeln!(text, "  {}", style.faint(&plain(&file.label)));
    for tried in &trial.sides {
        let runs = tried.runs.len();
        let held = words::expectations(tried).unwrap_or_else(|| format!("{runs} runs"));
        let _ = writeln!(
            text,
            "  {}  {}  {}",
            style.strong(&tried.side.letter.to_string()),
            plain(&words::settings(&tried.side)),
            style.faint(&format!("({held})")),
        );
    }
    let _ = writeln!(
        text,
        "  {}",
        style.faint(&format!(
            "95 % confidence; differences up to {} % are ignored",
            100.0 * trial.threshold
        ))
    );
    text
}

/// Colours a conclusion like the corresponding outcome.
fn colour(answer: Conclusion, style: Style) -> String {
    let (outcome, mark) = match answer {
        Conclusion::Helps => (Outcome::Passed, "+"),
        Conclusion::NoEffect => (Outcome::Skipped, "="),
        Conclusion::Changes => (Outcome::NotApplicable, "~"),
        Conclusion::NotApplicable => (Outcome::NotApplicable, "-"),
        Conclusion::TooNoisy => (Outcome::Inconclusive, "?"),
        Conclusion::Trade => (Outcome::Failed, "±"),
        Conclusion::Hurts => (Outcome::Failed, "!"),
        Conclusion::Errored => (Outcome::Errored, "x"),
    };
    style.colour(outcome, mark)
}

fn table(comparison: &Comparison, letter: char, style: Style) -> String {
    let mut rows =
        vec![["", "metric", "a", &letter.to_string(), "difference", "95 %"].map(str::to_owned)];
    let mut beside = 0;
    let mut left_out = 0;
    for effect in &comparison.effects {
        let is_beside = effect.rank == Rank::Beside && !effect.named;
        let wanted = words::is_shown(effect) && !(is_beside && beside >= BESIDE);
        if style.verbose || wanted {
            beside += usize::from(is_beside);
            rows.push(row(effect));
        } else {
            left_out += 1;
        }
    }
    if rows.len() == 1 {
        return String::new();
    }
    let mut text = aligned(&rows);
    if left_out > 0 {
        let note = format!("and {left_out} more metrics (--verbose, --report json=PATH)");
        let _ = writeln!(text, "    {}", style.faint(&note));
    }
    text
}

fn row(effect: &Effect) -> [String; 6] {
    let unit = effect.unit;
    let difference = match figure::share(effect) {
        Some(share) => format!("{} ({share})", figure::change(effect.difference, unit)),
        None => figure::change(effect.difference, unit),
    };
    [
        word(effect.kind).to_owned(),
        plain(&effect.metric),
        figure::sample(&effect.a, unit),
        figure::sample(&effect.b, unit),
        difference,
        figure::interval(effect),
    ]
}

/// Returns the word for an effect.
pub(super) fn word(kind: EffectKind) -> &'static str {
    match kind {
        EffectKind::Better => "better",
        EffectKind::Worse => "worse",
        EffectKind::Changed => "changed",
        EffectKind::Same => "same",
        EffectKind::Unclear => "unclear",
    }
}

fn aligned(rows: &[[String; 6]]) -> String {
    let columns: Vec<usize> = (0..6)
        .map(|column| {
            rows.iter()
                .map(|row| width(&row[column]))
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&columns)
            .map(|(cell, column)| format!("{cell}{}", " ".repeat(column - width(cell))))
            .collect();
        let _ = writeln!(text, "    {}", cells.join("  ").trim_end());
    }
    text
}
