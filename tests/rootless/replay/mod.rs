//! `nslab report` and `nslab diff` on records of real runs, stored in `tests/data/records/runs`. Needs no privileges.

mod broken;
mod diff;
mod flood;
mod gathering;
mod output;
mod report;
mod scenario;
mod view;

use std::path::{Path, PathBuf};
use std::process::Output;

/// The folder of the records. The program runs in it, so its output names no path of this machine.
fn records() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/records")
}

/// Runs the program outside of GitHub Actions.
fn nslab(arguments: &[&str]) -> Output {
    command().args(arguments).output().unwrap()
}

fn command() -> assert_cmd::Command {
    let mut command = assert_cmd::Command::cargo_bin("nslab").unwrap();
    command
        .current_dir(records())
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITHUB_STEP_SUMMARY");
    command
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// Returns the text of a stored record.
fn stored(name: &str) -> String {
    std::fs::read_to_string(records().join(format!("runs/{name}.nslab.jsonl"))).unwrap()
}

/// Writes one record into a folder and returns both.
fn record_of(bytes: &[u8]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nslab.jsonl");
    std::fs::write(&path, bytes).unwrap();
    let path = path.to_string_lossy().into_owned();
    (folder, path)
}
