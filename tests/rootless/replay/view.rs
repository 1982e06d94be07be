//! `nslab view`: the page is written beside the record or where the reader wants it, and opened if there is a display.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::replay::{code, command, err, nslab, out, record_of};

const CAPTURED: &str = "captured/accept-queue-overflow-never-accepts.nslab.jsonl";
const PAIR: [&str; 2] = [
    "runs/exhaustion-default.nslab.jsonl.gz",
    "runs/exhaustion-reuse.nslab.jsonl.gz",
];

#[test]
fn a_page_is_written_where_the_reader_wants_it() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let page = page.to_str().unwrap();
    let output = nslab(&["view", CAPTURED, "--no-open", "--output", page]);
    assert_eq!((code(&output), out(&output)), (0, format!("{page}\n")));
    let written = fs::read_to_string(page).unwrap();
    assert!(written.starts_with("<!DOCTYPE html>"));
    assert_eq!(written.matches("class=\"view-data\"").count(), 1);
    // The address of SVG's namespace is a name, not a place.
    let addresses = written.replace("http://www.w3.org/2000/svg", "");
    assert!(!addresses.contains("http:"), "nothing is fetched");
}

#[test]
fn two_records_are_on_one_page_and_three_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let path = page.to_str().unwrap();
    let [a, b] = PAIR;
    let output = nslab(&["view", a, b, "--no-open", "--output", path]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let written = fs::read_to_string(&page).unwrap();
    assert_eq!(written.matches("class=\"view-data\"").count(), 2);
    assert!(written.contains("class=\"runs several\""));
    let output = nslab(&["view", a, b, CAPTURED, "--no-open", "--output", path]);
    assert_eq!(code(&output), 2);
    let message = err(&output);
    assert!(message.contains("there are 3 records"), "{message}");
}

#[test]
fn a_page_is_opened_if_there_is_a_display() {
    let record = fs::read(format!("tests/data/records/{CAPTURED}")).unwrap();
    let (folder, record) = record_of(&record);
    // A stand-in for the desktop's program, which writes down what it opens.
    let tool = folder.path().join("xdg-open");
    let opened = folder.path().join("opened");
    let script = format!("#!/bin/sh\necho \"$1\" > {}\n", opened.display());
    fs::write(&tool, script).unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    let mut view = command();
    view.args(["view", &record])
        .env("PATH", folder.path())
        .env_remove("WAYLAND_DISPLAY");
    let output = view.env_remove("DISPLAY").output().unwrap();
    assert_eq!(code(&output), 0);
    assert!(err(&output).contains("there is no display"));
    assert!(!opened.exists());
    let output = view.env("DISPLAY", ":0").output().unwrap();
    assert_eq!(code(&output), 0, "{}", err(&output));
    let page = folder.path().join("a.view.html");
    assert!(page.exists());
    let opened = fs::read_to_string(opened).unwrap();
    assert_eq!(opened.trim(), page.to_str().unwrap());
}

#[test]
fn a_page_that_cannot_be_written_is_an_error_with_a_way_out() {
    let page = "/nowhere/page.html";
    let output = nslab(&["view", CAPTURED, "--no-open", "--output", page]);
    assert_eq!(code(&output), 3);
    let message = err(&output);
    let expected = "cannot write /nowhere/page.html";
    assert!(message.contains(expected), "{message}");
    assert!(message.contains("--output FILE"), "{message}");
}
