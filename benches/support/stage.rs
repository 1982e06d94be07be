//! A standing lab with a cast: a scenario's topology is built once, and of its actors those that are named are started, one
//! selection after the other. So variants meet the same namespaces, the same server and each other's leftovers, in the same run.

use std::time::Duration;

use nslab::lab::{Lab, LabScope};
use nslab::record::{Recorder, RecorderClosed, RunClock};
use nslab::scenario::RunSpec;
use nslab::traffic::Traffic;

use super::bench::Measured;
use super::memory::Memory;
use super::script::spec;

/// Between readiness and the zero of the clock, as in a run.
pub(crate) const LEAD: Duration = Duration::from_millis(20);

/// A standing lab.
pub(crate) struct Stage {
    /// The namespaces.
    pub(crate) lab: Lab,
    /// The whole cast.
    spec: RunSpec,
}

/// Actors that act until they are stopped.
pub(crate) struct Acting {
    traffic: Traffic,
    record: Memory,
    written: RecorderClosed,
}

impl Stage {
    /// Builds the topology of a scenario's only run.
    pub(crate) fn build(scenario: &str) -> Measured<Self> {
        let spec = spec(scenario)?;
        let (lab, ..) = Lab::build(&spec, LabScope::default())?;
        Ok(Self { lab, spec })
    }

    /// Starts these actors, with this clock.
    pub(crate) fn start(&self, actors: &[&str], clock: RunClock) -> Measured<Acting> {
        let mut spec = self.spec.clone();
        let cast = |name: &str| actors.contains(&name);
        spec.workload.servers.retain(|it| cast(it.name.as_str()));
        spec.workload.clients.retain(|it| cast(it.name.as_str()));
        spec.workload.commands.retain(|it| cast(it.name.as_str()));
        let record = Memory::default();
        let (recorder, written) = Recorder::start(record.clone()).expect("a thread");
        let mut traffic = Traffic::prepare(&spec, &self.lab, &recorder)?;
        traffic.begin(clock);
        Ok(Acting {
            traffic,
            record,
            written,
        })
    }
}

impl Acting {
    /// Whether every client and command has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.traffic.has_ended()
    }

    /// Stops everyone and gives what was told.
    pub(crate) fn stop(self) -> Measured<Memory> {
        self.traffic.finish()?;
        self.written.wait()?;
        Ok(self.record)
    }
}
