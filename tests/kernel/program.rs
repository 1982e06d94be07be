//! The program under test, run as a user runs it.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
    command
        .env("NO_COLOR", "1")
        // Not the user's own, which may hold other kernels of the same name.
        .env("NSLAB_KERNELS", scratch().join("kernels"))
        .env("XDG_CACHE_HOME", scratch().join("cache"))
        .stdin(Stdio::null())
        .current_dir(scratch());
    command
}

/// A folder of the build for files that tests write.
pub(crate) fn scratch() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

/// Returns the reason why namespaces cannot be created here, if there is one.
pub(crate) fn obstacle() -> Option<String> {
    let output = run_text("name: probe\nnodes: { a: {} }\n", &[]);
    (output.status.code() != Some(0)).then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

pub(crate) fn run_text(text: &str, arguments: &[&str]) -> Output {
    let mut file = tempfile::Builder::new()
        .prefix("scenario-")
        .suffix(".yaml")
        .tempfile_in(scratch())
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
    command()
        .arg("run")
        .arg("--no-progress")
        .args(arguments)
        .arg(file.path())
        .output()
        .unwrap()
}

/// Returns the exit status and both outputs, for the messages of failed tests.
pub(crate) fn transcript(output: &Output) -> String {
    format!(
        "exit {:?}\n{}{}",
        output.status.code(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
