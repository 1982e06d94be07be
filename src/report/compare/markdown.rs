//! A comparison as a Markdown table, for an issue, a commit or a job's summary.

use std::fmt::Write;

use super::terminal::word;
use super::{figure, words};
use crate::compare::Trial;
use crate::report::printable::one_line;

/// Renders a comparison as a Markdown section.
pub fn render(trial: &Trial) -> String {
    let Some(first) = trial.sides.first() else {
        return String::new();
    };
    let mut text = format!("## {}\n\n", cell(&first.side.spec.id.to_string()));
    for tried in &trial.sides {
        let _ = writeln!(
            text,
            "- **{}**: {} ({} runs)",
            tried.side.letter,
            cell(&words::settings(&tried.side)),
            tried.runs.len()
        );
    }
    if words::emulated(&trial.sides) {
        text.push_str("\nThe lab emulated what this kernel lacks.\n");
    }
    for (other, comparison) in trial.sides.iter().skip(1).zip(&trial.comparisons) {
        let _ = writeln!(
            text,
            "\n**{}** {}\n",
            other.side.letter,
            cell(&words::sentence(comparison))
        );
        let shown: Vec<_> = comparison
            .effects
            .iter()
            .filter(|each| words::is_shown(each))
            .collect();
        if shown.is_empty() {
            continue;
        }
        text.push_str("| | metric | a | ");
        let _ = writeln!(text, "{} | difference | 95 % |", other.side.letter);
        text.push_str("|---|---|---|---|---|---|\n");
        for effect in shown {
            let share = figure::share(effect).unwrap_or_default();
            let _ = writeln!(
                text,
                "| {} | `{}` | {} | {} | {} {share} | {} |",
                word(effect.kind),
                effect.metric,
                figure::sample(&effect.a, effect.unit),
                figure::sample(&effect.b, effect.unit),
                figure::change(effect.difference, effect.unit),
                figure::interval(effect),
            );
        }
    }
    let _ = writeln!(
        text,
        "\n95 % confidence; differences up to {} % are ignored.",
        100.0 * trial.threshold
    );
    text
}

/// Escapes text from outside for a cell or a line: no markup, no line ends.
pub(in crate::report) fn cell(text: &str) -> String {
    let mut safe = String::new();
    for letter in one_line(text).chars() {
        if matches!(
            letter,
            '|' | '<' | '>' | '*' | '`' | '[' | ']' | '\\' | '_' | '&'
        ) {
            safe.push('\\');
        }
        safe.push(letter);
    }
    safe
}
