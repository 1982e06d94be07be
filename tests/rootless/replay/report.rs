//! Stored records, judged again and rendered.

use crate::replay::{code, command, err, nslab, out};

const QUEUE: &str = "runs/accept-queue-overflow-accepts.nslab.jsonl";

#[test]
fn every_stored_run_is_judged_again_as_it_was() {
    let output = nslab(&["report", "runs"]);
    assert_eq!(code(&output), 3, "one of them is errored");
    let shown = out(&output);
    assert!(!shown.contains("not judged again"), "{shown}");
    insta::assert_snapshot!(shown);
    insta::assert_snapshot!("a_missing_record_is_reported", err(&output));
}

#[test]
fn a_run_that_passed_passes_again_and_its_missing_sibling_is_reported() {
    let output = nslab(&["report", QUEUE]);
    assert_eq!(code(&output), 0);
    let missing = "no record of accept-queue-overflow / never-accepts";
    assert!(err(&output).contains(missing), "{}", err(&output));
}

#[test]
fn every_format_is_written_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let formats = [
        ("html", "<!DOCTYPE html>"),
        ("json", "{"),
        ("junit", "<?xml"),
        ("tap", "TAP version 14"),
        ("github", "## "),
        ("csv", "scenario,"),
    ];
    let mut command = command();
    command.args(["report", "runs"]);
    for (format, _) in formats {
        let path = folder.path().join("deep/er").join(format);
        command.arg("--report");
        command.arg(format!("{format}={}", path.display()));
    }
    let output = command.output().unwrap();
    assert_eq!(code(&output), 3);
    for (format, start) in formats {
        let text = std::fs::read_to_string(folder.path().join("deep/er").join(format)).unwrap();
        assert!(
            text.starts_with(start),
            "{format}: {}",
            &text[..40.min(text.len())]
        );
    }
}

#[test]
fn a_report_that_cannot_be_written_is_an_error_and_the_others_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (blocked, good) = (file.join("below.xml"), folder.path().join("good.tap"));
    let output = nslab(&[
        "report",
        QUEUE,
        "--report",
        &format!("junit={}", blocked.display()),
        "--report",
        &format!("tap={}", good.display()),
    ]);
    assert_eq!(code(&output), 3);
    let shown = err(&output);
    assert!(
        shown.contains("cannot write the junit report to"),
        "{shown}"
    );
    assert!(shown.contains("help: "), "{shown}");
    assert!(good.exists());
}

#[test]
fn a_report_on_standard_output_has_it_to_itself() {
    let output = nslab(&["report", QUEUE, "--report", "tap=-"]);
    assert!(out(&output).starts_with("TAP version 14\n"));
    assert!(!out(&output).contains("PASS"));
    assert!(err(&output).contains("PASS"));
}

#[test]
fn two_reports_to_one_place_are_refused() {
    let output = nslab(&["report", QUEUE, "--report", "tap=-", "--report", "json=-"]);
    assert_eq!(code(&output), 2);
    let shown = err(&output);
    assert!(
        shown.contains("--report tap=- and --report json=-"),
        "{shown}"
    );
}

#[test]
fn github_gets_annotations_and_adds_to_the_summary_of_the_step() {
    let folder = tempfile::tempdir().unwrap();
    let summary = folder.path().join("summary.md");
    std::fs::write(&summary, "before\n").unwrap();
    let output = command()
        .args(["report", "runs/wrong-queue-backlog=4.nslab.jsonl"])
        .args(["--report", "github"])
        .env("GITHUB_STEP_SUMMARY", &summary)
        .output()
        .unwrap();
    assert_eq!(code(&output), 1);
    let annotation = "::error file=wrong-queue.yaml,line=14,col=5,";
    assert!(out(&output).contains(annotation), "{}", out(&output));
    let text = std::fs::read_to_string(&summary).unwrap();
    assert!(text.starts_with("before\n## "), "{text}");
}

#[test]
fn strict_treats_not_applicable_as_a_failure() {
    let record = "runs/other-kernel.nslab.jsonl";
    assert_eq!(code(&nslab(&["report", record])), 0);
    assert_eq!(code(&nslab(&["report", record, "--strict"])), 1);
}

#[test]
fn record_and_no_record_exclude_each_other() {
    let output = nslab(&["run", "--record", "x", "--no-record"]);
    assert_eq!(code(&output), 2);
}
