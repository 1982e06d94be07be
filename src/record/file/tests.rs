//! Records that are written, cut, damaged and read again.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::*;
use crate::record::{Observation, Offset, Outcome, RunEnd, RunVerdict, Verdict};

const EVENTS: [&str; 3] = [
    r#"{"series":{"id":0,"name":"load.established","kind":"counter","unit":"count"}}"#,
    r#"{"sample":{"t":1000000000,"v":[[0,9]]}}"#,
    r#"{"finished":{"t":3000000000}}"#,
];

fn header() -> RecordHeader {
    RecordHeader::new(RecordedScenario {
        path: "scenarios/a.yaml".to_owned(),
        text: "name: a\ntitle: \"ü\"\n".to_owned(),
        set: [("rate".to_owned(), "500/s".to_owned())].into(),
        variant: Some("reuse".to_owned()),
        case: vec![("rate".to_owned(), "500/s".to_owned())],
        resolved: json!({ "timeout": "60s", "numbers": [1, 0.1] }),
        compare: json!([]),
    })
}

fn verdict() -> RunVerdict {
    RunVerdict {
        outcome: Outcome::Failed,
        reason: None,
        verdicts: vec![Verdict {
            text: "load.established == 10".to_owned(),
            line: 9,
            column: 5,
            outcome: Outcome::Failed,
            observed: vec![Observation {
                quantity: "load.established".to_owned(),
                value: "9".to_owned(),
                number: None,
            }],
            reason: Some("9 == 10 does not hold".to_owned()),
            decided_at: Some(Offset(3_000_000_000)),
            emulated: false,
        }],
    }
}

/// The bytes of a complete record.
fn written() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.nslab.jsonl");
    let mut writer = RecordWriter::create(&path, &header()).expect("a record");
    for event in EVENTS {
        writer.event_line(event).expect("a line");
    }
    let process = ProcessEnd {
        cpu: Some(5),
        memory: None,
        took: 3_100_000_000,
        last_words: Vec::new(),
    };
    writer.verdict(&verdict(), process).expect("a verdict");
    std::fs::read(&path).expect("bytes")
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("compressed");
    encoder.finish().expect("compressed")
}

fn parse(bytes: &[u8]) -> Result<Record, UnreadableRecord> {
    Record::parse(bytes)
}

fn problem(bytes: &[u8]) -> String {
    parse(bytes).expect_err("unreadable").to_string()
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let bytes = written();
    let record = parse(&bytes).expect("a record");
    assert_eq!(record.header, header());
    assert_eq!(record.verdict, Some(verdict()));
    assert_eq!(record.process.expect("an end").took, 3_100_000_000);
    assert!(matches!(record.timeline.end, Some(RunEnd::Finished { .. })));
    let series = record.timeline.series("load.established").expect("series");
    assert_eq!(series.changes, [(Offset(1_000_000_000), 9)]);
    let text = String::from_utf8(bytes).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[1..4], EVENTS, "events are kept as they came");
}

#[test]
fn a_record_can_be_read_while_it_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.nslab.jsonl");
    let mut writer = RecordWriter::create(&path, &header()).expect("a record");
    for event in EVENTS {
        let record = Record::read(&path).expect("readable so far");
        assert_eq!((record.timeline.end, record.verdict), (None, None));
        writer.event_line(&format!("{event}\n")).expect("a line");
    }
    assert!(
        Record::read(&path)
            .expect("readable")
            .timeline
            .end
            .is_some()
    );
}

#[test]
fn a_record_may_be_truncated_anywhere_after_its_header() {
    let bytes = written();
    let header_end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .expect("a line");
    for end in header_end..bytes.len() {
        let record = parse(&bytes[..end]).expect("readable up to the cut");
        // Only the line end is missing, so the last line is complete.
        let whole = end == bytes.len() - 1;
        assert_eq!(record.verdict.is_some(), whole, "cut at {end}");
    }
    assert!(problem(&bytes[..header_end - 1]).starts_with("recognise it"));
}

#[test]
fn compressed_records_are_decompressed_when_read() {
    let bytes = written();
    assert_eq!(
        parse(&compressed(&bytes)).expect("a record"),
        parse(&bytes).expect("a record")
    );
    // Concatenated gzip streams are one stream (RFC 1952).
    let (one, other) = bytes.split_at(bytes.len() / 2);
    let both = [compressed(one), compressed(other)].concat();
    assert_eq!(
        parse(&both).expect("a record"),
        parse(&bytes).expect("a record")
    );
}

#[test]
fn a_truncated_compressed_record_is_read_up_to_the_cut() {
    // Long and hard to compress, so that it spans several blocks of the stream.
    let mut bytes = written();
    let header_end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .expect("a line")
        + 1;
    let mut state = 1_u64;
    let mut samples = EVENTS[0].to_owned() + "\n";
    for t in 0..20_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        samples += &format!("{{\"sample\":{{\"t\":{t},\"v\":[[0,{}]]}}}}\n", state >> 33);
    }
    bytes.truncate(header_end);
    bytes.extend_from_slice(samples.as_bytes());
    let whole = compressed(&bytes);
    let cut = parse(&whole[..whole.len() / 2]).expect("readable up to the cut");
    let seen = cut
        .timeline
        .series("load.established")
        .expect("series")
        .changes
        .len();
    assert!((5_000..15_000).contains(&seen), "{seen}");
    for end in whole.len() - 12..whole.len() {
        let record = parse(&whole[..end]).expect("readable up to the cut");
        assert!(record.timeline.now > Offset(19_000), "cut at {end}");
    }
    // A truncated header is an error and does not panic.
    for end in 0..40 {
        parse(&whole[..end]).expect_err("unreadable");
    }
}

#[test]
fn damage_in_a_compressed_record_is_an_error() {
    let mut bytes = compressed(&written());
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    parse(&bytes).expect_err("unreadable");
}

#[test]
fn a_record_of_a_newer_version_names_both_versions_and_what_to_do() {
    let line = r#"{"nslab-record":{"version":2,"nslab":"9.1.0","everything":"else"}}"#;
    let own = env!("CARGO_PKG_VERSION");
    assert_eq!(
        problem(line.as_bytes()),
        format!(
            "read it: it has format version 2, written by nslab 9.1.0; this is nslab {own}, which reads versions up \
             to 1; use nslab 9.1.0 or newer"
        )
    );
}

#[test]
fn a_file_that_is_not_a_record_is_rejected() {
    assert_eq!(problem(b""), "read it: it is empty");
    let not_a_header = "recognise it: its first line is not the header of an nslab record";
    assert_eq!(problem(b"name: a\n"), not_a_header);
    assert_eq!(problem(EVENTS[1].as_bytes()), not_a_header);
    let missing = Record::read(std::path::Path::new("/nonexistent/a.nslab.jsonl"));
    assert_eq!(
        missing.expect_err("no file").to_string(),
        "read the record `/nonexistent/a.nslab.jsonl`"
    );
}

#[test]
fn a_malformed_line_is_reported_with_its_number() {
    let text = String::from_utf8(written()).expect("text");
    let broken = text.replace(r#"{"sample":"#, r#"{"simple":"#);
    assert_eq!(
        problem(broken.as_bytes()),
        "parse line 3: it is not an event"
    );
    let more = text.clone() + EVENTS[1] + "\n";
    assert_eq!(
        problem(more.as_bytes()),
        "accept line 6: it comes after the verdict, which must be the last line"
    );
}

/// Adds more than a mebibyte of lines to a record.
fn long(mut writer: RecordWriter) -> RecordWriter {
    let line = format!(r#"{{"note":{{"t":null,"text":"{}"}}}}"#, "x".repeat(1000));
    for _ in 0..1100 {
        writer.event_line(&line).expect("a line");
    }
    writer
}

#[test]
fn a_large_record_is_compressed_when_finished_and_replaces_the_previous_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, small) = (folder.path().join("a"), folder.path().join("a.gz"));
    let there = || {
        let names = std::fs::read_dir(folder.path()).expect("a folder");
        let mut names: Vec<_> = names.map(|name| name.expect("a name").path()).collect();
        names.sort();
        names
    };
    let spooled = || RecordWriter::spool(&header()).expect("a record");
    let named = || RecordWriter::create(&path, &header()).expect("a record");
    assert_eq!(long(spooled()).keep(&path).expect("kept"), small);
    assert_eq!(
        Record::read(&small).expect("a record").timeline.notes.len(),
        1100
    );
    assert_eq!(spooled().keep(&path).expect("kept"), path);
    assert_eq!(there(), std::slice::from_ref(&path));
    assert_eq!(long(named()).end().expect("ended"), small);
    assert_eq!(there(), std::slice::from_ref(&small));
    assert_eq!(named().end().expect("ended"), path);
    assert_eq!(there(), std::slice::from_ref(&path));
}
