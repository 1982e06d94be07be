//! `nslab list`: lists scenarios and their runs, selected in the same way as by `nslab run`.

use std::process::ExitCode;

use clap::Args;

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
}

pub(super) fn main(arguments: &ListArguments) -> ExitCode {
    let records = Records::default();
    let selected = match select(&arguments.select, records.folder()) {
        Choice::Runs(selected) => selected,
        Choice::Nothing => return ExitCode::SUCCESS,
        Choice::Invalid => return exit::invalid(),
    };
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
