//! `nslab exec`: runs a program in a node of a lab that exists now.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use clap::Args;

use super::{exit, message, output};
use crate::lab::programs;
use crate::lab::running::{self, RunningLab};
use crate::report::one_line;

/// The shell if the environment names none: it is there on every system (POSIX `sh`).
const SHELL: &str = "/bin/sh";
/// The exit code of shells for a program that is not found (POSIX `sh`, "Exit Status for Commands").
const NOT_FOUND: u8 = 127;

/// Arguments of `nslab exec`.
#[derive(Debug, Args)]
pub(super) struct ExecArguments {
    /// The node
    #[arg(required_unless_present = "list")]
    node: Option<String>,
    /// The program and its arguments; by default, a shell ($SHELL)
    ///
    /// It runs as you, with your environment and your files. It is killed when the lab is removed, even if it
    /// has become a daemon. The exit code is that of the program.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    /// The lab, if there are several: the process number or the name of its run or scenario
    ///
    /// Labs are those of `nslab shell`, of `nslab run --hold`, and of runs in progress.
    #[arg(long, value_name = "PID|NAME")]
    lab: Option<String>,
    /// List the labs that exist now, with their nodes
    #[arg(long, conflicts_with_all = ["node", "command"])]
    list: bool,
}

pub(super) fn main(arguments: &ExecArguments) -> ExitCode {
    let labs = match running::find() {
        Ok(labs) => labs,
        Err(error) => {
            message::error(format!("cannot read /proc: {error}"));
            return exit::errored();
        }
    };
    let Some(node) = &arguments.node else {
        for lab in &labs {
            output::out(&format!("{}\n", described(lab)));
        }
        return ExitCode::SUCCESS;
    };
    let Some(lab) = choose(&labs, arguments.lab.as_deref()) else {
        return exit::invalid();
    };
    let opened = match lab.open() {
        Ok(opened) => opened,
        Err(error) => {
            message::error(format!("cannot enter the lab {}: {error}", described(lab)));
            message::help("run it as the user who started the lab, or as root");
            return exit::errored();
        }
    };
    if !opened.nodes().contains(&node.as_str()) {
        let nodes = opened.nodes().join(", ");
        message::error(format!(
            "the lab {} has no node `{}`; available: {nodes}",
            described(lab),
            one_line(node)
        ));
        return exit::invalid();
    }
    let mut words = arguments.command.iter();
    let shell = || std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let program = words.next().cloned().or_else(shell);
    let program = program.unwrap_or_else(|| SHELL.into());
    let mut command = Command::new(&program);
    command.args(words).env("NSLAB_NODE", node);
    match opened.run(node, command) {
        Some(Ok(code)) => ExitCode::from(code),
        Some(Err(error)) => {
            let program = program.to_string_lossy();
            message::error(format!("cannot run `{program}` in `{node}`: {error}"));
            if let Some(package) = programs::package_of(&program) {
                message::help(format!("apt install {package}"));
            }
            ExitCode::from(NOT_FOUND)
        }
        None => exit::invalid(),
    }
}

/// Returns the only lab, or the one with the name. Prints an error and returns `None` if there is none.
fn choose<'a>(labs: &'a [RunningLab], name: Option<&str>) -> Option<&'a RunningLab> {
    let named = |lab: &&RunningLab| name.is_none_or(|name| lab.is_named(name));
    let found: Vec<&RunningLab> = labs.iter().filter(named).collect();
    if let [lab] = found.as_slice() {
        return Some(lab);
    }
    let list = |labs: &[&RunningLab]| {
        let lines: Vec<String> = labs.iter().map(|lab| described(lab)).collect();
        lines.join("; ")
    };
    match (found.is_empty(), name) {
        (true, Some(name)) if !labs.is_empty() => {
            let all: Vec<&RunningLab> = labs.iter().collect();
            let name = one_line(name);
            message::error(format!("no lab named `{name}`; available: {}", list(&all)));
        }
        (true, _) => {
            message::error("no lab exists now");
            message::help("start one with `nslab shell SCENARIO` or `nslab run --hold SCENARIO`");
        }
        (false, _) => {
            message::error(format!("there are several labs: {}", list(&found)));
            message::help("choose one by its number, as in --lab PID");
        }
    }
    None
}

fn described(lab: &RunningLab) -> String {
    format!("{} ({})", lab.supervisor, one_line(&lab.run))
}
