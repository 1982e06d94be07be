//! `nslab doctor`: what this kernel and these privileges allow, and what earlier runs have left behind.

use std::process::ExitCode;

use clap::Args;
use nix::sys::utsname;
use serde::Serialize;

use super::{exit, message, output, skipped};
use crate::causes::chain;
use crate::lab::abilities::{self, Ability, Availability};
use crate::lab::leaks;

/// Arguments of `nslab doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    /// Find processes, namespaces and virtual machines that ended runs have left behind
    ///
    /// Checks every process and namespace that it can see; as root, those of the whole machine. Runs in
    /// progress do not count as leaks. The exit code is 1 if something was found.
    #[arg(long)]
    leaks: bool,
    /// Print JSON
    #[arg(long, conflicts_with = "leaks")]
    json: bool,
}

/// The result in JSON.
#[derive(Debug, Serialize)]
struct Examined {
    kernel: String,
    /// False if no lab can be built, neither as root nor without.
    can_run: bool,
    features: Vec<Ability>,
}

pub(super) fn main(arguments: &DoctorArguments) -> ExitCode {
    if arguments.leaks {
        return look_for_leaks();
    }
    let kernel = utsname::uname().map_or_else(
        |_| "unknown".to_owned(),
        |uname| {
            format!(
                "{} {}",
                uname.sysname().display(),
                uname.release().display()
            )
        },
    );
    let features = abilities::probe_all();
    let can_run = abilities::can_run(&features);
    if arguments.json {
        output::json(&Examined {
            kernel,
            can_run,
            features,
        });
        return exit::of_doctor(can_run);
    }
    output::out(&format!("kernel {kernel}; each feature was tested:\n\n"));
    for ability in &features {
        let (mark, why) = match &ability.state {
            Availability::Yes => ("yes    ", None),
            Availability::Limited { reason, how_to_get } => ("limited", Some((reason, how_to_get))),
            Availability::No { reason, how_to_get } => ("NO     ", Some((reason, how_to_get))),
        };
        output::out(&format!("{mark}  {}\n", ability.name));
        if let Some((reason, how_to_get)) = why {
            output::out(&output::indented(reason, 9));
            output::out(&output::indented(&format!("fix: {how_to_get}"), 9));
        }
    }
    output::out(&skipped::list(&features));
    if !can_run {
        output::out("\nno scenario can run here: a lab needs namespaces, as root or rootless\n");
    }
    exit::of_doctor(can_run)
}

fn look_for_leaks() -> ExitCode {
    let found = match leaks::find() {
        Ok(found) => found,
        Err(error) => {
            message::error(format!("cannot read /proc: {}", chain(&error)));
            return exit::errored();
        }
    };
    for (pid, line) in &found.in_progress {
        output::out(&format!("in use: process {pid}: {line}\n"));
    }
    for (pid, line) in &found.processes {
        output::out(&format!(
            "LEFT: process {pid}: {line}\n      fix: kill -9 {pid}\n"
        ));
    }
    for namespace in &found.namespaces {
        output::out(&format!(
            "LEFT: namespace net:[{}], held by {}\n      fix: stop whatever holds it\n",
            namespace.inode,
            namespace.held_by.join(", ")
        ));
    }
    output::out(&format!(
        "{} ({} in use by runs in progress, {} network namespaces of other programs{})\n",
        if found.any() {
            "ended runs have left the above behind"
        } else {
            "ended runs have left nothing behind"
        },
        found.in_use,
        found.of_other_programs,
        if nix::unistd::geteuid().is_root() {
            ""
        } else {
            "; only your own processes were checked; run as root to check all"
        },
    ));
    exit::of_leaks(found.any())
}
