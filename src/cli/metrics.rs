//! `nslab metrics`: prints the registry of everything that can be measured.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::{exit, message, output};
use crate::metrics::{self, Entry};

/// Arguments of `nslab metrics`.
#[derive(Debug, Args)]
pub(super) struct MetricsArguments {
    /// Print only metrics whose name, subject or meaning contains this text: queue, client, tcp_info
    pattern: Option<String>,
    /// Print one JSON array, with an object for each metric
    #[arg(long)]
    json: bool,
    /// Print the whole reference page in Markdown (docs/metrics.md)
    #[arg(long, conflicts_with_all = ["pattern", "json"])]
    markdown: bool,
}

/// A metric in the JSON output.
#[derive(Debug, Serialize)]
struct MetricObject<'a> {
    name: &'a str,
    unit: &'a str,
    kind: &'a str,
    subjects: Vec<&'a str>,
    recorded: &'a str,
    meaning: &'a str,
    source: &'a str,
}

pub(super) fn main(arguments: &MetricsArguments) -> ExitCode {
    if arguments.markdown {
        output::out(&metrics::reference::page());
        return ExitCode::SUCCESS;
    }
    let mut entries = metrics::entries();
    if let Some(pattern) = &arguments.pattern {
        entries.retain(|entry| entry.matches(pattern));
        if entries.is_empty() {
            message::error(format!(
                "no metrics match `{pattern}`; `nslab metrics` lists all of them"
            ));
            return exit::invalid();
        }
    }
    if arguments.json {
        let objects: Vec<MetricObject<'_>> = entries.iter().map(object).collect();
        let json = serde_json::to_string_pretty(&objects).unwrap_or_default();
        output::out(&format!("{json}\n"));
    } else if output::has_width() {
        output::out(&list(&entries));
    } else {
        output::out(&table(&entries));
    }
    ExitCode::SUCCESS
}

/// Describes each metric in a few lines, for a terminal.
fn list(entries: &[Entry]) -> String {
    let mut text = String::new();
    for entry in entries {
        let kind = format!("{}, {}, of {}", entry.kind, entry.unit(), entry.subjects());
        text += &format!("{}\n", entry.name);
        for line in [&kind, &entry.meaning, &format!("Source: {}", entry.source)] {
            text += &output::indented(line, 4);
        }
    }
    text
}

fn object(entry: &Entry) -> MetricObject<'_> {
    MetricObject {
        name: &entry.name,
        unit: entry.unit(),
        kind: entry.kind,
        subjects: entry
            .subjects
            .iter()
            .map(|subject| subject.as_str())
            .collect(),
        recorded: entry.recorded.as_str(),
        meaning: &entry.meaning,
        source: &entry.source,
    }
}

/// Aligns all columns but the last.
fn table(entries: &[Entry]) -> String {
    const HEAD: [&str; 6] = ["NAME", "UNIT", "KIND", "SUBJECT", "MEANING", "SOURCE"];
    let cells = entries.iter().map(|entry| {
        let (meaning, source) = (entry.meaning.clone(), entry.source.clone());
        let (unit, kind) = (entry.unit().to_owned(), entry.kind.to_owned());
        [
            entry.name.clone(),
            unit,
            kind,
            entry.subjects(),
            meaning,
            source,
        ]
    });
    let rows: Vec<[String; 6]> = std::iter::once(HEAD.map(str::to_owned))
        .chain(cells)
        .collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let padded = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let line = padded.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
