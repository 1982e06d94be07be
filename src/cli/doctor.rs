//! `nslab doctor`: what this kernel and these privileges allow.

use std::process::ExitCode;

use clap::Args;
use nix::sys::utsname;

use super::output;
use crate::lab::ability::{self, State};

/// Arguments of `nslab doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArguments {}

pub(super) fn main(_arguments: &DoctorArguments) -> ExitCode {
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
