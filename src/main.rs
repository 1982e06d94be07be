//! The `nslab` program: parses its arguments, calls the library, and exits.

use std::process::ExitCode;

fn main() -> ExitCode {
    nslab::cli::main()
}
