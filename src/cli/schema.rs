//! `nslab schema`: the JSON Schema of scenario files.

use std::process::ExitCode;

use super::output;
use crate::scenario;

pub(super) fn main() -> ExitCode {
    output::out(&format!("{:#}\n", scenario::schema()));
    ExitCode::SUCCESS
}
