//! `nslab list`: scenarios with their runs.

use std::process::ExitCode;

use clap::Args;

use super::load::{FileArguments, load};
use super::{exit, output};
use crate::report::one_line;
use crate::report::terminal::run_label;

/// Arguments of `nslab list`.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    files: FileArguments,
}

pub(super) fn main(arguments: &ListArguments) -> ExitCode {
    let Some(files) = load(&arguments.files) else {
        return exit::invalid();
    };
    for file in &files {
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
    ExitCode::SUCCESS
}
