//! Output to a full disk, to a reader that has gone, and to places that cannot be written.

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

const RECORD: &str = "tests/data/records/captured/accept-queue-overflow-never-accepts.nslab.jsonl";

fn nslab() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nslab"));
    command
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITHUB_STEP_SUMMARY");
    command
}

#[test]
fn lost_output_is_an_error() {
    for arguments in [
        ["report", RECORD].as_slice(),
        &["list"],
        &["--help"],
        &["schema"],
    ] {
        // full(4).
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = nslab().args(arguments).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        let shown = String::from_utf8(output.stderr).unwrap();
        assert!(
            shown.contains("cannot write to standard output: No space left"),
            "{shown}"
        );
    }
}

#[test]
fn a_reader_that_has_gone_is_not_an_error() {
    let mut child = nslab()
        .arg("schema")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

#[test]
fn unwritable_outputs_are_noticed_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept.tap");
    std::fs::write(&kept, "kept").unwrap();
    let kept_report = format!("tap={}", kept.display());
    let file = format!("{}/below", kept.display());
    for wrong in [
        ["--report", "junit=/proc/nslab/report.xml"],
        ["--record", &file],
        ["--capture", &file],
    ] {
        let output = nslab()
            .args(["run", "exhaustion", "--report", &kept_report])
            .args(wrong)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        let shown = String::from_utf8(output.stderr).unwrap();
        assert!(
            shown.contains("nothing was run") && !shown.contains("started"),
            "{shown}"
        );
    }
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "kept");
}

#[test]
fn the_requested_ladder_is_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let report = format!("html={}", page.display());
    let output = nslab()
        .args(["report", RECORD, "--ladder", "burst:2", "--report", &report])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.starts_with("burst, attempt 2 of 20 at "), "{shown}");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("burst, connection 2 of 20"));
}
