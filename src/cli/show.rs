//! `nslab show`: prints scenarios, the shipped ones by name.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{exit, message, output};
use crate::scenario;
use crate::suite;

/// Arguments of `nslab show`.
#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// Names of shipped scenarios, or files
    #[arg(value_name = "NAME|FILE", required = true)]
    names: Vec<PathBuf>,
    /// Show the explanations and solutions of lessons too
    #[arg(long)]
    solutions: bool,
}

pub(super) fn main(arguments: &ShowArguments) -> ExitCode {
    match suite::discover(&arguments.names) {
        Ok(sources) => {
            for (index, source) in sources.iter().enumerate() {
                if index > 0 {
                    output::out("---\n");
                }
                match arguments.solutions {
                    true => output::out_file(&source.text),
                    false => output::out_file(&scenario::without_spoilers(&source.text)),
                }
            }
            ExitCode::SUCCESS
        }
        Err(errors) => {
            message::failures(&errors);
            exit::invalid()
        }
    }
}
