//! Stored records judged by a changed scenario file.

use crate::replay::{code, err, nslab, out, stored};

const RECORDS: [&str; 2] = [
    "runs/wrong-queue-backlog=3.nslab.jsonl",
    "runs/wrong-queue-backlog=4.nslab.jsonl",
];

/// Writes the scenario of the stored records, changed, to a file.
fn changed(from: &str, to: &str) -> (tempfile::TempDir, String) {
    let record = stored("wrong-queue-backlog=4");
    let header: serde_json::Value = serde_json::from_str(record.lines().next().unwrap()).unwrap();
    let text = header["nslab-record"]["scenario"]["text"].as_str().unwrap();
    assert!(text.contains(from));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.yaml");
    std::fs::write(&path, text.replace(from, to)).unwrap();
    let path = path.to_string_lossy().into_owned();
    (folder, path)
}

fn judged(file: &str) -> std::process::Output {
    nslab(&["report", RECORDS[0], RECORDS[1], "--scenario", file])
}

#[test]
fn an_expectation_is_corrected_without_running_again() {
    let (_folder, file) = changed("== $holds", "== $backlog + 1");
    let output = judged(&file);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let shown = out(&output);
    assert!(shown.contains("burst.established == 4 + 1  [5]"), "{shown}");
    assert!(shown.contains("burst.established == 3 + 1  [4]"), "{shown}");
    assert!(
        !shown.contains("wrong-queue.yaml"),
        "it is the file that was given: {shown}"
    );
}

#[test]
fn a_parameter_that_only_expectations_use_may_change() {
    let (_folder, file) = changed("holds: 4", "holds: 5");
    let output = judged(&file);
    assert_eq!(code(&output), 1);
    let shown = out(&output);
    assert!(shown.contains("burst.established == 5  [5]"), "{shown}");
    assert!(shown.contains("4 == 5 does not hold"), "{shown}");
}

#[test]
fn texts_places_and_names_may_change() {
    let (_folder, file) = changed(
        "name: wrong-queue",
        "# One line more.\nname: right-queue\ntags: [x]",
    );
    assert_eq!(code(&judged(&file)), 1);
}

#[test]
fn an_expectation_about_an_unwatched_series_is_inconclusive() {
    let (_folder, file) = changed(">= 1 within 1s", ">= 100 within 30s");
    let output = judged(&file);
    assert!(
        out(&output).contains("the run ended at 1."),
        "{}",
        out(&output)
    );
    assert!(
        out(&output).contains(", before 30.000s"),
        "{}",
        out(&output)
    );
}

#[test]
fn another_question_is_refused_with_the_difference() {
    for (from, to, shown) in [
        (
            "rate: 50/s",
            "rate: 60/s",
            "workload.clients.burst.load.Connect.schedule.from: 50.0 -> 60.0",
        ),
        (
            "tcp_syncookies: 0",
            "tcp_syncookies: 1",
            "net.ipv4.tcp_syncookies.value: 0 -> 1",
        ),
        (
            "client: {}",
            "client: {}, third: {}",
            "topology.nodes.third: nothing -> ",
        ),
    ] {
        let (_folder, file) = changed(from, to);
        let output = judged(&file);
        assert_eq!(code(&output), 2, "{to}");
        assert!(err(&output).contains(shown), "{to}: {}", err(&output));
        assert_eq!(out(&output), "", "{to}");
    }
}

#[test]
fn a_removed_case_is_refused_with_the_remaining_ones() {
    let (_folder, file) = changed("backlog: [4, 3]", "backlog: [4, 7]");
    let output = judged(&file);
    assert_eq!(code(&output), 2);
    let shown = err(&output);
    let has = "it is a record of wrong-queue [backlog=3]";
    assert!(
        shown.contains(has) && shown.contains("[backlog=7]"),
        "{shown}"
    );
}

#[test]
fn a_file_with_mistakes_shows_them() {
    let (_folder, file) = changed("burst.established", "burst.estblished");
    let output = judged(&file);
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("did you mean"), "{}", err(&output));
}
