//! Runs another program's reader over a report, if that program is installed.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Returns a program's output for an input; `None`, with a message, if it is not installed.
pub(crate) fn ask(program: &str, arguments: &[&str], input: &str) -> Option<Output> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            absent(&format!("{program} ({error})"));
            return None;
        }
    };
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // A program that fails early does not read to the end.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Some(output)
}

/// Prints that a check is skipped because something is missing; with `NSLAB_INSIST`, as in CI, this is a failure.
#[expect(
    clippy::print_stdout,
    reason = "whoever reads the tests' output must know what was not tried"
)]
pub(crate) fn absent(what: &str) {
    assert!(
        std::env::var_os("NSLAB_INSIST").is_none(),
        "not installed: {what}"
    );
    println!("skipped: {what} is not installed");
}

/// Returns the path of a file in `tests/data`.
pub(crate) fn beside(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
        .display()
        .to_string()
}

/// Returns both outputs for a message.
pub(crate) fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}
