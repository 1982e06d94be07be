//! `nslab list`: lists scenarios and their runs, selected in the same way as by `nslab run`.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::select::{Choice, SelectArguments, select};
use super::{exit, output};
use crate::report::one_line;
use crate::report::terminal::run_label;
use crate::suite::Records;

/// Arguments of `nslab list`.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    select: SelectArguments,
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
