//! Files that runs leave behind: records and captures.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::ladder;
use crate::record::{Capture, Record};
use crate::report::html::{Ladders, Views};
use crate::report::{csv, html, json, junit};
use crate::suite::replay::{StoredRun, replay};

/// The record of the run whose capture `fuzz/corpus/capture` has.
const RECORD: &str = include_str!("record.nslab.jsonl");

/// Every record that can be read can be judged again and reported.
pub(super) fn record(bytes: &[u8]) {
    let Ok(record) = Record::parse(bytes) else {
        return;
    };
    let stored = StoredRun {
        path: PathBuf::from("fuzz.nslab.jsonl"),
        record,
        packets: None,
    };
    let result = replay(&[stored]).result;
    let none = |_: &Path| Err("no packets".to_owned());
    let page = html::render(&result, &Ladders::default(), &Views::of_all(&result, none));
    assert!(!page.contains('\u{1b}'), "a page has no escape sequences");
    json::render(&result).expect("every result can be written as JSON");
    junit::render(&result).expect("every result can be written as XML");
    csv::render(&result).expect("every result can be written as CSV");
}

/// Every capture that can be read can be drawn, beside a run that it may not belong to.
pub(super) fn capture(bytes: &[u8]) {
    static RUN: LazyLock<Record> =
        LazyLock::new(|| Record::parse(RECORD.as_bytes()).expect("a record"));
    let Ok(capture) = Capture::parse(bytes) else {
        return;
    };
    let resolved = RUN.header.scenario.resolved.clone();
    let spec = serde_json::from_value(resolved).expect("a run");
    let _drawn = ladder::draw_each(&capture, &spec, &RUN.timeline);
}
