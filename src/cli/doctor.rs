//! `nslab doctor`: what this kernel and these privileges allow, and whether anything is left of earlier runs.

use std::process::ExitCode;

use clap::Args;
use nix::sys::utsname;

use super::{exit, output};
use crate::causes::chain;
use crate::lab::ability::{self, State};
use crate::lab::leaks;

/// Arguments of `nslab doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    /// Look whether anything is left of runs that have ended: processes, namespaces, virtual machines
    ///
    /// It looks through all processes and namespaces that it may see: as root, all of the machine's. Exit code 1 where
    /// something is left. What a run that goes on holds is not.
    #[arg(long)]
    leaks: bool,
}

pub(super) fn main(arguments: &DoctorArguments) -> ExitCode {
    if arguments.leaks {
        return look_for_leaks();
    }
    if let Ok(uname) = utsname::uname() {
        let (system, release) = (uname.sysname().display(), uname.release().display());
        output::out(&format!(
            "kernel {system} {release}, each tried for real:\n\n"
        ));
    }
    for ability in ability::abilities() {
        let (mark, why) = match &ability.state {
            State::Yes => ("yes    ", None),
            State::Limited { reason, how_to_get } => ("limited", Some((reason, how_to_get))),
            State::No { reason, how_to_get } => ("NO     ", Some((reason, how_to_get))),
        };
        output::out(&format!("{mark}  {}\n", ability.name));
        if let Some((reason, how_to_get)) = why {
            output::out(&format!(
                "         {reason}\n         to get it: {how_to_get}\n"
            ));
        }
    }
    ExitCode::SUCCESS
}

fn look_for_leaks() -> ExitCode {
    let found = match leaks::look() {
        Ok(found) => found,
        Err(error) => {
            output::err(&format!(
                "error: cannot look through /proc: {}\n",
                chain(&error)
            ));
            return exit::errored();
        }
    };
    for (pid, line) in &found.going_on {
        output::out(&format!("going on: process {pid}: {line}\n"));
    }
    for (pid, line) in &found.processes {
        output::out(&format!(
            "LEFT: process {pid}: {line}\n      to end it: kill -9 {pid}\n"
        ));
    }
    for namespace in &found.namespaces {
        output::out(&format!(
            "LEFT: namespace net:[{}], held by {}\n      it goes when what holds it goes\n",
            namespace.inode,
            namespace.held_by.join(", ")
        ));
    }
    output::out(&format!(
        "{} of runs that have ended is left ({} in use by runs that go on, {} network namespaces of others{})\n",
        if found.any() {
            "what is shown above"
        } else {
            "nothing"
        },
        found.in_use,
        found.of_others,
        if nix::unistd::geteuid().is_root() {
            ""
        } else {
            "; only your own processes were looked at, as root it is all"
        },
    ));
    exit::of_leaks(found.any())
}
