//! Whole runs, probes included, as in `nslab run` but without a worker process.

use nslab::record::{Privileges, Recorder, Timeline};
use nslab::run::{self, CancelToken, WorkOrder};

use super::bench::Measured;
use super::memory::Memory;
use super::script::spec;

/// Runs a scenario's only run and returns its timeline.
pub(crate) fn run(scenario: &str) -> Measured<Timeline> {
    let order = WorkOrder::new(spec(scenario)?);
    let record = Memory::default();
    let (recorder, written) = Recorder::start(record.clone()).expect("a thread");
    run::run(
        &order,
        Privileges::Root,
        None,
        &recorder,
        &CancelToken::default(),
    )?;
    drop(recorder);
    written.wait()?;
    record.timeline()
}
