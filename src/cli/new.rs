//! `nslab new`: writes a commented scenario to start from.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{exit, message, output};
use crate::scenario::nearest;
use crate::suite::{Template, templates};

/// Arguments of `nslab new`.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(super) struct NewArguments {
    /// Name of the scenario, or the path of its file
    #[arg(value_name = "NAME|FILE", required_unless_present = "list")]
    name: Option<PathBuf>,
    /// Scenario to start from; `--list` shows them
    #[arg(short, long, value_name = "TEMPLATE", default_value = "queue")]
    template: String,
    /// List the templates
    #[arg(long, conflicts_with = "name")]
    list: bool,
}

const HELP: &str = "\
More examples:
  nslab run ports.yaml    # runs the new scenario and judges it
  nslab new --list        # lists the templates

An existing file is never overwritten.";

pub(super) fn main(arguments: &NewArguments) -> ExitCode {
    let Some(name) = &arguments.name else {
        for template in templates() {
            output::out(&format!("{:<12} {}\n", template.name, template.title()));
        }
        return ExitCode::SUCCESS;
    };
    let templates = templates();
    let Some(template) = templates
        .iter()
        .find(|each| each.name == arguments.template)
    else {
        let names: Vec<&str> = templates.iter().map(|each| each.name).collect();
        let close = nearest(&arguments.template, names.iter().copied());
        let help = match close {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("available: {}", names.join(", ")),
        };
        message::error(format!("no template `{}`; {help}", arguments.template));
        return exit::invalid();
    };
    write(template, name)
}

fn write(template: &Template, name: &Path) -> ExitCode {
    let stem = name
        .file_stem()
        .unwrap_or(name.as_os_str())
        .to_string_lossy();
    let text = match template.fill(&stem) {
        Ok(text) => text,
        Err(error) => {
            message::failure(&error);
            return exit::invalid();
        }
    };
    let mut path = name.to_owned();
    if path.extension().is_none() {
        path.set_extension("yaml");
    }
    let written = File::create_new(&path).and_then(|mut file| file.write_all(text.as_bytes()));
    match written {
        Ok(()) => {
            let path = path.display();
            output::out(&format!("wrote {path}\nrun it with: nslab run {path}\n"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            message::error(format!("cannot write {}: {error}", path.display()));
            exit::errored()
        }
    }
}
