//! A worker that writes many events at once: none is missing from the result, and the record holds the same.

use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use nslab::backend::{Backend, HostBackend};
use nslab::record::Record;
use nslab::scenario;
use nslab::suite::{Options, Records, ScenarioFile, run_suite};
use tokio::sync::watch;

/// More than the suite reads at once, and more than can wait between worker and suite.
const SAMPLES: usize = 20_000;

/// A program that writes the events of a run whose last samples come right before its end.
fn teller(folder: &Path) -> std::path::PathBuf {
    let declared = r#"{"id":0,"name":"a.sent","kind":"counter","unit":"count"}"#;
    let mut shown = format!("{{\"series\":{declared}}}\n");
    for number in 1..=SAMPLES {
        writeln!(
            shown,
            "{{\"sample\":{{\"t\":{number},\"v\":[[0,{number}]]}}}}"
        )
        .unwrap();
    }
    writeln!(
        shown,
        "{{\"finished\":{{\"t\":{SAMPLES},\"interrupted\":false}}}}"
    )
    .unwrap();
    let (events, program) = (folder.join("events"), folder.join("teller"));
    std::fs::write(&events, shown).unwrap();
    std::fs::write(
        &program,
        format!("#!/bin/sh\nread order\ncat {}\n", events.display()),
    )
    .unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[test]
fn the_last_events_of_a_flood_are_in_the_result_as_in_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let text = "name: flood\nnodes: { a: {} }\n";
    let file = ScenarioFile {
        label: "flood.yaml".to_owned(),
        text: text.to_owned(),
        set: Default::default(),
        scenario: scenario::parse("flood.yaml", text, &Default::default()).unwrap(),
    };
    let options = Options {
        backend: Backend::Host(HostBackend::with_program(teller(folder.path()))),
        records: Records::All(folder.path().join("out")),
        ..Options::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (_stop, stopped) = watch::channel(false);
    let result = runtime.block_on(run_suite(vec![Arc::new(file)], &options, stopped, |_| {}));
    let run = &result.scenarios[0].runs[0];
    let shown = run.timeline.series("a.sent").unwrap();
    assert_eq!(shown.changes.len(), SAMPLES, "{:?}", run.verdict);
    let path = run.record.as_ref().unwrap().as_ref().unwrap();
    assert_eq!(Record::read(path).unwrap().timeline, run.timeline);
}
