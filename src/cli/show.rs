//! `nslab show`: prints scenarios, those that come with the program by their names.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{exit, output};
use crate::suite;

/// Arguments of `nslab show`.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(super) struct ShowArguments {
    /// Names of shipped scenarios, or files
    #[arg(value_name = "NAME|FILE", required = true)]
    names: Vec<PathBuf>,
}

const HELP: &str = "\
Examples:
  nslab show exhaustion                   prints a shipped scenario
  nslab show exhaustion > mine.yaml       makes it a file of your own";

pub(super) fn main(arguments: &ShowArguments) -> ExitCode {
    match suite::discover(&arguments.names) {
        Ok(sources) => {
            for (index, source) in sources.iter().enumerate() {
                if index > 0 {
                    output::out("---\n");
                }
                output::out(&source.text);
            }
            ExitCode::SUCCESS
        }
        Err(errors) => {
            errors.iter().for_each(|error| output::error(error));
            exit::invalid()
        }
    }
}
