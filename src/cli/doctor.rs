//! `nslab doctor`: what this kernel and these privileges allow.

use std::process::ExitCode;

use clap::Args;

use super::output;
use crate::lab::ability::{self, State};

/// Arguments of `nslab doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArguments {}

pub(super) fn main(_arguments: &DoctorArguments) -> ExitCode {
    for ability in ability::survey() {
        let (mark, rest) = match &ability.state {
            State::Yes => ("yes", String::new()),
            State::Limited { limit } => ("yes", format!(": {limit}")),
            State::No { reason, how_to_get } => {
                ("NO ", format!(": {reason}\n      to get it: {how_to_get}"))
            }
        };
        output::out(&format!("{mark}  {}{rest}\n", ability.name));
    }
    ExitCode::SUCCESS
}
