//! A test of a suite whose workers have ended before anyone reads their last event.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::dispatch::{Options, run_suite};
use super::event::SuiteEvent;
use super::recording::Records;
use super::result::ScenarioFile;
use crate::backend::{Backend, HostBackend};
use crate::record::{Event, Outcome};

#[test]
fn the_last_event_of_a_run_is_received_however_soon_the_run_ends() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("worker");
    let event = Event::NotApplicable {
        reason: "nothing to do".to_owned(),
    };
    let line = serde_json::to_string(&event).unwrap();
    std::fs::write(&program, format!("#!/bin/sh\nread order\necho '{line}'\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let text = "matrix: { n: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] }\nnodes: { a: {} }\n";
    let scenario = crate::scenario::parse("many", text, &BTreeMap::new()).unwrap();
    let file = ScenarioFile {
        label: "many".to_owned(),
        text: text.to_owned(),
        set: BTreeMap::new(),
        scenario,
    };
    let options = Options {
        backend: Backend::Host(HostBackend::with_program(program)),
        records: Records::None,
        repeat: 10,
        ..Options::default()
    };
    let (_stop, stopped) = watch::channel(false);
    // The reader is slow, so workers have ended before their events are read.
    let slow_reader = |event: SuiteEvent<'_>| {
        if matches!(event, SuiteEvent::RunStarted { .. }) {
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let result = runtime.block_on(run_suite(
        vec![Arc::new(file)],
        &options,
        stopped,
        slow_reader,
    ));
    let outcomes = result.scenarios.iter().flat_map(|scenario| &scenario.runs);
    let outcomes: Vec<Outcome> = outcomes.map(|run| run.verdict.outcome).collect();
    assert_eq!(outcomes.len(), 100);
    assert!(
        outcomes.iter().all(|one| *one == Outcome::NotApplicable),
        "{outcomes:?}"
    );
}
