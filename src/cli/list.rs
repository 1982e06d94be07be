//! `nslab list`: lists scenarios and their runs, selected in the same way as by `nslab run`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::select::{Choice, SelectArguments, select};
use super::{exit, output};
use crate::report::one_line;
use crate::report::terminal::run_label;
use crate::suite::{Divisions, Records, divide};

/// Arguments of `nslab list`.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    select: SelectArguments,
    /// Show how evenly shards divide the runs: for 1, 2, 4 and more, up to this many
    ///
    /// The columns are the runs in the smallest and the largest shard, the processor time of the shards with the
    /// least and the most, the share of the machines that is used if all wait for the last, and the time until that
    /// one ends, on machines like this one.
    #[arg(long, value_name = "MOST", value_parser = clap::value_parser!(u32).range(1..=10_000),
          conflicts_with_all = ["json", "shard"])]
    shards: Option<u32>,
    /// With --shards: take durations from the records in this folder, instead of estimating them
    #[arg(long, value_name = "DIR", requires = "shards")]
    records: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A scenario in JSON.
#[derive(Debug, Serialize)]
struct ListedScenario<'a> {
    file: &'a str,
    name: &'a str,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<&'a str>,
    tags: &'a [String],
    runs: Vec<String>,
}

pub(super) fn main(arguments: &ListArguments) -> ExitCode {
    let records = Records::default();
    let selected = match select(&arguments.select, records.folder()) {
        Choice::Runs(selected) => selected,
        Choice::Nothing => return ExitCode::SUCCESS,
        Choice::Invalid => return exit::invalid(),
    };
    if let Some(most) = arguments.shards {
        let divided = divide(&selected.files, arguments.records.as_deref(), most);
        output::out(&shards(&divided));
        return ExitCode::SUCCESS;
    }
    if arguments.json {
        let listed: Vec<ListedScenario<'_>> = (selected.files.iter())
            .map(|file| ListedScenario {
                file: &file.label,
                name: &file.scenario.name,
                title: &file.scenario.title,
                claim: file.scenario.claim.as_deref(),
                tags: &file.scenario.tags,
                runs: (file.scenario.runs.iter())
                    .map(|run| run.id.to_string())
                    .collect(),
            })
            .collect();
        output::json(&listed);
        return ExitCode::SUCCESS;
    }
    for file in &selected.files {
        let scenario = &file.scenario;
        let tags = if scenario.tags.is_empty() {
            String::new()
        } else {
            format!("  [{}]", one_line(&scenario.tags.join(", ")))
        };
        let runs: Vec<String> = scenario.runs.iter().map(|run| run_label(&run.id)).collect();
        output::out(&format!(
            "{}\n  {}{tags}\n  runs: {}\n",
            one_line(&file.label),
            one_line(&scenario.title),
            one_line(&runs.join("; "))
        ));
    }
    if !selected.slow.is_empty() {
        let slow = selected.slow.join("\n  ");
        output::out(&format!(
            "left out because they are tagged `slow` (use --slow to include them):\n  {slow}\n"
        ));
    }
    ExitCode::SUCCESS
}

/// Returns a table in Markdown, which is also readable as text.
fn shards(divided: &Divisions) -> String {
    let mut text = format!(
        "{} runs; {} durations are recorded, the others estimated\n\n\
         | shards | runs | processor time | evenness | wall |\n|---|---|---|---|---|\n",
        divided.runs, divided.recorded
    );
    for division in &divided.divisions {
        let (least, most) = division.processor_time;
        text += &format!(
            "| {} | {} | {} | {:.0} % | {:.0} s |\n",
            division.shards,
            span(division.runs.0, division.runs.1),
            span(
                format!("{:.0} s", least.as_secs_f64()),
                format!("{:.0} s", most.as_secs_f64())
            ),
            division.evenness() * 100.0,
            division.slowest.as_secs_f64()
        );
    }
    text
}

fn span<T: std::fmt::Display + PartialEq>(from: T, to: T) -> String {
    match from == to {
        true => from.to_string(),
        false => format!("{from} to {to}"),
    }
}
