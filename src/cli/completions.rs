//! `nslab completions` and `nslab man`: generated from the definition of the command line.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

use super::{exit, message, output};

/// Arguments of `nslab completions`.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(super) struct CompletionsArguments {
    /// Shell to complete for
    shell: Shell,
}

const HELP: &str = "\
More examples:
  nslab completions zsh > \"${fpath[1]}/_nslab\"
  nslab completions fish > ~/.config/fish/completions/nslab.fish";

/// Arguments of `nslab man`.
#[derive(Debug, Args)]
#[command(after_long_help = MAN_HELP)]
pub(super) struct ManArguments {
    /// Write a page for each command into this folder, which must exist; without it, nslab(1) is printed
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

const MAN_HELP: &str = "\
More examples:
  nslab man /usr/local/share/man/man1";

pub(super) fn completions(mut command: Command, arguments: &CompletionsArguments) -> ExitCode {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "nslab", &mut text);
    output::out_file(&String::from_utf8_lossy(&text));
    ExitCode::SUCCESS
}

pub(super) fn man(command: Command, arguments: &ManArguments) -> ExitCode {
    let rendered = match &arguments.folder {
        Some(folder) => {
            let folder_exists = fs::metadata(folder).map(|_| ());
            folder_exists.and_then(|()| clap_mangen::generate_to(command, folder))
        }
        None => {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(command).render(&mut page);
            rendered.map(|()| output::out_file(&String::from_utf8_lossy(&page)))
        }
    };
    match rendered {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            message::error(format!("cannot write the man pages: {error}"));
            exit::errored()
        }
    }
}
