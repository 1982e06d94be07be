//! `nslab baseline`: prints the settings that every node starts with.

use std::process::ExitCode;

use super::output;
use crate::lab;

pub(super) fn main() -> ExitCode {
    output::out(&lab::baseline_page());
    ExitCode::SUCCESS
}
