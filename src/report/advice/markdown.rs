//! Advice as a Markdown table.

use std::fmt::Write;

use super::words;
use crate::advise::Advice;
use crate::report::compare::cell;

/// Renders advice as Markdown.
pub fn render(advice: &Advice) -> String {
    let names: Vec<String> = advice.sources.iter().map(|name| cell(name)).collect();
    let mut text = format!(
        "## {}\n\nCompared with {}: {}\n\n",
        names.join(", "),
        cell(&words::reference(advice)),
        words::counts(advice)
    );
    text.push_str("| | line | | on this kernel |\n|---|---|---|---|\n");
    for line in &advice.lines {
        let place = if advice.sources.len() > 1 {
            line.entry.place.to_string()
        } else {
            line.entry.place.line.to_string()
        };
        let sentences: Vec<String> = words::sentences(line, advice)
            .iter()
            .map(|each| cell(each))
            .collect();
        let links = line.experiments.iter().filter_map(words::records);
        let links: String = links
            .map(|folder| format!(" [records](<{folder}>)"))
            .collect();
        let _ = writeln!(
            text,
            "| **{}** | {} | {} | {}{links} |",
            line.ruling().as_str(),
            cell(&place),
            cell(&line.entry.text),
            sentences.join("<br>")
        );
    }
    for each in &advice.together {
        let links = words::records(each).map(|folder| format!(" [records](<{folder}>)"));
        let _ = writeln!(
            text,
            "| **{}** | {} | together | {}{} |",
            each.answer().as_str(),
            cell(&words::lines(&each.lines, advice)),
            cell(&words::experiment(each, advice)),
            links.unwrap_or_default()
        );
    }
    if let Some(why) = advice.cut_short {
        let _ = writeln!(text, "\nCut short: {why}.");
    }
    text
}
