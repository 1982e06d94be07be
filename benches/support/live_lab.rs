//! A lab that stays up. The topology of a scenario is built once, and its actors are started selection by selection. So
//! variants meet the same namespaces, the same server and each other's leftovers, in the same run.

use std::time::Duration;

use nslab::lab::{Lab, LabScope};
use nslab::record::{Recorder, RecorderClosed, RunClock};
use nslab::scenario::RunSpec;
use nslab::traffic::Traffic;

use super::bench::Measured;
use super::memory::Memory;
use super::script::spec;

/// The time between readiness and the zero of the clock, as in a run.
pub(crate) const LEAD: Duration = Duration::from_millis(20);

/// A lab that is up.
pub(crate) struct LiveLab {
    pub(crate) lab: Lab,
    /// All actors of the scenario.
    spec: RunSpec,
}

/// Actors that run until they are stopped.
pub(crate) struct RunningActors {
    traffic: Traffic,
    record: Memory,
    written: RecorderClosed,
}

impl LiveLab {
    /// Builds the topology of a scenario's only run.
    pub(crate) fn build(scenario: &str) -> Measured<Self> {
        let spec = spec(scenario)?;
        let (lab, ..) = Lab::build(&spec, LabScope::default())?;
        Ok(Self { lab, spec })
    }

    /// Starts these actors, with this clock.
    pub(crate) fn start(&self, actors: &[&str], clock: RunClock) -> Measured<RunningActors> {
        let mut spec = self.spec.clone();
        let cast = |name: &str| actors.contains(&name);
        spec.workload.servers.retain(|it| cast(it.name.as_str()));
        spec.workload.clients.retain(|it| cast(it.name.as_str()));
        spec.workload.commands.retain(|it| cast(it.name.as_str()));
        let record = Memory::default();
        let (recorder, written) = Recorder::start(record.clone()).expect("a thread");
        let mut traffic = Traffic::prepare(&spec, &self.lab, &recorder)?;
        traffic.begin(clock);
        Ok(RunningActors {
            traffic,
            record,
            written,
        })
    }
}

impl RunningActors {
    /// Returns true if every client and command has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.traffic.has_ended()
    }

    /// Stops all actors and returns what was recorded.
    pub(crate) fn stop(self) -> Measured<Memory> {
        self.traffic.finish()?;
        self.written.wait()?;
        Ok(self.record)
    }
}
