//! Parses, calls, exits.

use std::process::ExitCode;

fn main() -> ExitCode {
    nslab::cli::main()
}
