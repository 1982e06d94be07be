//! `nslab report` and `nslab diff` on stored records: real runs, kept in `records/runs`. Needs no privileges.

mod broken;
mod diff;
mod flood;
mod gathering;
mod output;
mod report;
mod scenario;

use std::path::{Path, PathBuf};
use std::process::Output;

/// Where the records are; the program is run here, so that what it shows names no place of this machine.
fn records() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/records")
}

/// The program's answer, outside of GitHub Actions.
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

/// A stored record's text.
fn stored(name: &str) -> String {
    std::fs::read_to_string(records().join(format!("runs/{name}.nslab.jsonl"))).unwrap()
}

/// A folder with one record in it, and the path of that.
fn record_of(bytes: &[u8]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nslab.jsonl");
    std::fs::write(&path, bytes).unwrap();
    let path = path.to_string_lossy().into_owned();
    (folder, path)
}
