//! Records that are cut, corrupt, of another version, or missing.

use std::io::Write as _;

use crate::replay::{code, err, nslab, out, record_of, stored};

const NAME: &str = "accept-queue-overflow-accepts";

fn report(bytes: &[u8]) -> std::process::Output {
    let (_folder, path) = record_of(bytes);
    nslab(&["report", &path])
}

#[test]
fn a_killed_run_shows_what_it_observed() {
    let whole = stored(NAME);
    let header = whole.find('\n').unwrap() + 1;
    for share in [0.0, 0.1, 0.5, 0.9] {
        let cut = header + ((whole.len() - header) as f64 * share) as usize;
        let output = report(&whole.as_bytes()[..cut]);
        assert_eq!(code(&output), 3, "cut at {cut}: {}", err(&output));
        assert!(
            out(&output).contains("the record breaks off at "),
            "{}",
            out(&output)
        );
    }
    let half = report(&whole.as_bytes()[..whole.len() / 2]);
    assert!(
        out(&half).contains("observed: burst.established = "),
        "{}",
        out(&half)
    );
}

#[test]
fn a_run_without_its_last_line_is_still_judged() {
    let whole = stored(NAME);
    let end = whole.trim_end().rfind('\n').unwrap() + 1;
    let output = report(&whole.as_bytes()[..end]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert!(out(&output).contains("PASS accepts"), "{}", out(&output));
}

#[test]
fn a_compressed_record_may_be_cut_too() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(stored(NAME).as_bytes()).unwrap();
    let bytes = encoder.finish().unwrap();
    let output = report(&bytes[..bytes.len() * 3 / 4]);
    assert_eq!(code(&output), 3, "{}", err(&output));
    assert!(
        out(&output).contains("the record breaks off at "),
        "{}",
        out(&output)
    );
}

#[test]
fn a_corrupt_line_is_reported_by_its_number() {
    let mut lines: Vec<String> = stored(NAME).lines().map(str::to_owned).collect();
    lines[20] = lines[20].replace("\":", "\"");
    let output = report((lines.join("\n") + "\n").as_bytes());
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("line 21"), "{}", err(&output));
}

#[test]
fn a_newer_version_is_reported_with_both_versions_next_to_the_others() {
    let newer = stored(NAME).replacen(
        "\"version\":1,\"nslab\":\"0.1.0\"",
        "\"version\":9,\"nslab\":\"7.0.0\"",
        1,
    );
    let (_folder, path) = record_of(newer.as_bytes());
    let output = nslab(&["report", &path, "runs/other-kernel.nslab.jsonl"]);
    assert_eq!(code(&output), 2);
    let shown = err(&output);
    assert!(
        shown.contains("version 9") && shown.contains("nslab 7.0.0"),
        "{shown}"
    );
    assert!(
        out(&output).contains("N/A  other-kernel"),
        "{}",
        out(&output)
    );
}

#[test]
fn a_run_that_this_build_does_not_understand_keeps_its_verdict() {
    let foreign = stored("wrong-queue-backlog=4").replacen("\"workload\":{", "\"wrkload\":{", 1);
    let output = report(foreign.as_bytes());
    assert_eq!(code(&output), 1, "{}", err(&output));
    let shown = out(&output);
    for part in [
        "not judged again",
        "missing field `workload`",
        "5 == 4 does not hold",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let (_folder, path) = record_of(foreign.as_bytes());
    let output = nslab(&[
        "report",
        &path,
        "--scenario",
        "../scenarios/good/matrix.yaml",
    ]);
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("cannot parse"), "{}", err(&output));
}

#[test]
fn a_text_that_this_build_does_not_understand_is_no_obstacle() {
    let foreign = stored("wrong-queue-backlog=4").replacen("claim", "clam", 1);
    let foreign = foreign.replacen("nname: wrong-queue", "nnome: wrong-queue", 1);
    let output = report(foreign.as_bytes());
    assert_eq!(code(&output), 1, "{}", err(&output));
    assert!(out(&output).contains("FAIL backlog=4"), "{}", out(&output));
    assert!(
        out(&output).contains("5 == 4 does not hold"),
        "{}",
        out(&output)
    );
}

#[test]
fn files_that_are_not_records_are_reported() {
    for (bytes, shown) in [
        (&b""[..], "it is empty"),
        (b"name: a\n", "not the header of an nslab record"),
        (b"{}\n", "not the header of an nslab record"),
        (b"\x1f\x8bnonsense", "read line 1"),
    ] {
        let output = report(bytes);
        assert_eq!(code(&output), 2);
        assert!(err(&output).contains(shown), "{shown}: {}", err(&output));
    }
    let output = nslab(&["report", "no-such.nslab.jsonl"]);
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("No such file"), "{}", err(&output));
    let empty = tempfile::tempdir().unwrap();
    let output = nslab(&["report", &empty.path().to_string_lossy()]);
    assert_eq!(code(&output), 2);
    assert!(
        err(&output).contains("nslab run --record DIR"),
        "{}",
        err(&output)
    );
}
