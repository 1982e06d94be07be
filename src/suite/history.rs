//! The use of the machine by recorded runs, which is better than any estimate.
//!
//! A record is looked up under the name that this suite will give it, in the folder where it will be kept; nothing
//! else is stored for this purpose.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::demand::{BusyPhase, Demand};
use super::durations::expected;
use super::record_name::{EXTENSION, stem};
use super::recording::Records;
use crate::record::{Outcome, ProcessEnd, Record, RecordHeader};
use crate::scenario::{RunSpec, differences};

/// The factor by which a run may use more than when it was recorded: loads are steady, and kernels are not.
const MARGIN: f64 = 1.5;

/// The folder of earlier records.
#[derive(Debug)]
pub(super) struct History {
    folder: Option<PathBuf>,
    /// The speed of this machine, on which the records were probably made.
    speed: f64,
}

impl History {
    pub(super) fn from(records: &Records, speed: f64) -> Self {
        Self::in_folder(records.folder(), speed)
    }

    pub(super) fn in_folder(folder: Option<&Path>, speed: f64) -> Self {
        let folder = folder.map(Path::to_owned);
        Self { folder, speed }
    }

    /// Returns the processor time that a run used, if it is recorded.
    pub(super) fn processor_time(&self, spec: &RunSpec) -> Option<Duration> {
        self.taken(spec)?.cpu.map(Duration::from_nanos)
    }

    /// Returns the demand and the expected duration of a run: as recorded, or else as estimated.
    pub(super) fn estimate(&self, spec: &RunSpec) -> (Demand, Duration) {
        let (demand, expected) = (Demand::of(spec), expected(spec));
        let Some(taken) = self.taken(spec) else {
            return (demand, expected);
        };
        let took = Duration::from_nanos(taken.took);
        let active = taken
            .cpu
            .map(|cpu| cpu as f64 / 1e9 * self.speed - demand.idle * took.as_secs_f64());
        let estimated: f64 = (demand.phases.iter())
            .map(|phase| phase.processors * phase.length(took).as_secs_f64())
            .sum();
        let factor = active
            .map(|active| active.max(0.0) * MARGIN / estimated)
            .filter(|factor| factor.is_finite())
            .unwrap_or(1.0);
        // Memory that the kernel holds for the run is not part of its processes' memory.
        let memory = taken.memory.map_or(0.0, |memory| memory as f64 * MARGIN);
        let phases = demand.phases.into_iter().map(|phase| BusyPhase {
            processors: phase.processors * factor,
            ..phase
        });
        let demand = Demand {
            phases: phases.collect(),
            memory: demand.memory.max(memory),
            ..demand
        };
        (demand, took)
    }

    /// Returns what the same run used, from its newest complete record.
    fn taken(&self, spec: &RunSpec) -> Option<ProcessEnd> {
        let folder = self.folder.as_ref()?;
        let name = stem(&spec.id, 1);
        let paths = ["", ".gz"].map(|gz| folder.join(format!("{name}{EXTENSION}{gz}")));
        let ends = paths.iter().filter_map(|path| Record::ends(path).ok());
        let of_this = |(header, outcome, end): (RecordHeader, Outcome, ProcessEnd)| {
            let then: RunSpec = serde_json::from_value(header.scenario.resolved).ok()?;
            let same = then.id == spec.id && differences(&then, spec).is_empty();
            let judged = matches!(outcome, Outcome::Passed | Outcome::Flaky | Outcome::Failed);
            (same && judged).then_some(end)
        };
        ends.filter_map(of_this).next()
    }
}
