//! Comparison of stored records.

use crate::replay::{code, err, nslab, out, record_of, stored};

const FOUR: &str = "runs/wrong-queue-backlog=4.nslab.jsonl";
const THREE: &str = "runs/wrong-queue-backlog=3.nslab.jsonl";

#[test]
fn a_record_is_like_itself() {
    let output = nslab(&["diff", "runs", "runs"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert!(!out(&output).contains("DIFF"), "{}", out(&output));
}

#[test]
fn two_cases_of_a_scenario_differ_in_outcome_metrics_and_scenario() {
    let output = nslab(&["diff", FOUR, THREE]);
    assert_eq!(code(&output), 1);
    insta::assert_snapshot!(out(&output));
}

#[test]
fn json_has_the_same_differences() {
    let output = nslab(&["diff", FOUR, THREE, "--json"]);
    assert_eq!(code(&output), 1);
    let json: serde_json::Value = serde_json::from_str(&out(&output)).unwrap();
    insta::assert_json_snapshot!(json);
}

#[test]
fn two_variants_differ_in_the_settings_of_a_node() {
    let output = nslab(&[
        "diff",
        "runs/exhaustion-default.nslab.jsonl.gz",
        "runs/exhaustion-reuse.nslab.jsonl.gz",
    ]);
    assert_eq!(code(&output), 1);
    let shown = out(&output);
    for part in [
        "exhaustion / default -> exhaustion / reuse",
        "client net.ipv4.tcp_tw_reuse: 0 -> 1",
        "load.established: 1000 -> 1800  (+80 %)",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn another_machine_is_shown_and_changes_no_verdict() {
    let other = stored("wrong-queue-backlog=4")
        .replacen(
            "\"kernel_release\":\"6.18.44\"",
            "\"kernel_release\":\"6.99.0\"",
            1,
        )
        .replacen("\"processors\":2", "\"processors\":64", 1)
        .replacen("\"net.core.somaxconn\":\"", "\"net.core.somaxconn\":\"9", 1);
    let (_folder, path) = record_of(other.as_bytes());
    let output = nslab(&["diff", FOUR, &path]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let shown = out(&output);
    for part in [
        "kernel: 6.18.44 -> 6.99.0",
        "processors: 2 -> 64",
        "net.core.somaxconn: 4096 -> 94096",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn a_run_on_one_side_only_is_a_difference() {
    let output = nslab(&["diff", "runs", FOUR]);
    assert_eq!(code(&output), 1);
    assert!(
        out(&output).contains("only in A: accept-queue-overflow"),
        "{}",
        out(&output)
    );
}

#[test]
fn different_scenarios_are_refused() {
    let output = nslab(&["diff", FOUR, "runs/other-kernel.nslab.jsonl"]);
    assert_eq!(code(&output), 2);
    let shown = err(&output);
    assert!(
        shown.contains("`wrong-queue [backlog=4]`") && shown.contains("`other-kernel`"),
        "{shown}"
    );
}

#[test]
fn unreadable_records_cannot_be_compared() {
    let (_folder, path) = record_of(b"nonsense\n");
    let output = nslab(&["diff", FOUR, &path]);
    assert_eq!(code(&output), 2);
    assert_eq!(out(&output), "");
}
