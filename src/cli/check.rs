//! `nslab check`: reports every problem of scenario files.

use std::process::ExitCode;

use clap::Args;

use super::load::{FileArguments, load};
use super::{exit, output};
use crate::report::one_line;

/// Arguments of `nslab check`.
#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    #[command(flatten)]
    files: FileArguments,
}

pub(super) fn main(arguments: &CheckArguments) -> ExitCode {
    let Some(files) = load(&arguments.files) else {
        return exit::invalid();
    };
    for file in &files {
        let runs = match file.scenario.runs.len() {
            1 => "1 run".to_owned(),
            n => format!("{n} runs"),
        };
        output::out(&format!(
            "ok {} ({}, {runs})\n",
            one_line(&file.label),
            one_line(&file.scenario.name)
        ));
    }
    ExitCode::SUCCESS
}
