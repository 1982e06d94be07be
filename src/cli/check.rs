//! `nslab check`: reports every problem of scenario files.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::load::{FileArguments, load, load_each};
use super::{exit, output};
use crate::report::{one_line, programs};
use crate::scenario::Problem;

/// Arguments of `nslab check`.
#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    #[command(flatten)]
    files: FileArguments,
    /// Print JSON: for each file, its runs or its problems
    #[arg(long)]
    json: bool,
    /// Print nothing about valid files
    #[arg(long, short, conflicts_with = "json")]
    quiet: bool,
}

/// A file in JSON.
#[derive(Debug, Serialize)]
struct CheckedFile {
    file: String,
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runs: Vec<String>,
    /// The programs that it runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    programs: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Problem>,
}

pub(super) fn main(arguments: &CheckArguments) -> ExitCode {
    if arguments.json {
        return json(&arguments.files);
    }
    let Some(files) = load(&arguments.files) else {
        return exit::invalid();
    };
    for file in files.iter().filter(|_| !arguments.quiet) {
        let runs = match file.scenario.runs.len() {
            1 => "1 run".to_owned(),
            n => format!("{n} runs"),
        };
        output::out(&format!(
            "ok {} ({}, {runs})\n",
            one_line(&file.label),
            one_line(&file.scenario.name)
        ));
        for line in programs::of_runs(&file.scenario.runs) {
            output::out(&format!("  {}\n", one_line(&line)));
        }
    }
    ExitCode::SUCCESS
}

fn json(files: &FileArguments) -> ExitCode {
    let Some(each) = load_each(files) else {
        return exit::invalid();
    };
    let files: Vec<CheckedFile> = each
        .into_iter()
        .map(|(file, parsed)| match parsed {
            Ok(scenario) => CheckedFile {
                file: file.label,
                valid: true,
                name: Some(scenario.name),
                runs: scenario.runs.iter().map(|run| run.id.to_string()).collect(),
                programs: programs::of_runs(&scenario.runs),
                problems: Vec::new(),
            },
            Err(problems) => CheckedFile {
                file: file.label,
                valid: false,
                name: None,
                runs: Vec::new(),
                programs: Vec::new(),
                problems: problems.problems,
            },
        })
        .collect();
    output::json(&files);
    if files.iter().all(|file| file.valid) {
        ExitCode::SUCCESS
    } else {
        exit::invalid()
    }
}
