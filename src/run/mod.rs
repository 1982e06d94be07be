//! One scenario, once: the story from an empty machine to everything that was observed.
//!
//! Not here: whether that is what was expected (`expect`), nor where the process runs (`backend`).

mod order;
mod place;
mod preflight;
mod steps;
mod stop;
mod worker;

use std::fs::File;
use std::time::Duration;

use thiserror::Error;

pub use crate::lab::Ground;
pub use order::WorkOrder;
pub use stop::Stop;
pub use worker::{WorkerError, agent, worker};

use crate::lab::sandbox::SandboxError;
use crate::lab::{BuildError, Lab};
use crate::probe::{self, Capture, CaptureError, CaptureSummary, ProbeError, Probes};
use crate::record::{Event, Privileges, Recorder, RunClock};
use crate::scenario::RunSpec;
use crate::traffic::{Traffic, TrafficError};
use steps::Steps;

/// Between readiness and the zero of the clock: threads that were told it have time to wait for it.
/// A wake-up costs 17 µs when quiet and milliseconds on a busy machine (measured).
const LEAD: Duration = Duration::from_millis(20);
/// How often the end of a run is looked for: it adds at most this to a run and costs nothing measurable.
const LOOK: Duration = Duration::from_millis(5);

/// Why a run cannot be told to its end.
#[derive(Debug, Error)]
pub enum RunError {
    /// Kernel or machine lacks what the scenario needs.
    #[error("{0}")]
    NotApplicable(String),
    /// The process has not the privileges of a lab.
    #[error(transparent)]
    Sandbox(SandboxError),
    /// The lab cannot be built.
    #[error("cannot build the lab")]
    Lab(#[source] BuildError),
    /// Servers, clients or commands cannot be started.
    #[error("cannot start the traffic")]
    Traffic(#[source] TrafficError),
    /// The kernel cannot be watched.
    #[error("cannot watch the kernel")]
    Probe(#[source] ProbeError),
    /// Packets cannot be captured.
    #[error("cannot capture packets")]
    Capture(#[source] CaptureError),
    /// A step cannot be taken.
    #[error(transparent)]
    Step(#[from] steps::StepError),
}

impl From<BuildError> for RunError {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::NotApplicable(reason) => Self::NotApplicable(reason.to_string()),
            error => Self::Lab(error),
        }
    }
}

impl From<TrafficError> for RunError {
    fn from(error: TrafficError) -> Self {
        match error {
            error if error.is_not_applicable() => Self::NotApplicable(error.to_string()),
            error => Self::Traffic(error),
        }
    }
}

/// Runs one scenario from an empty machine to the last look at it. What happens goes to the recorder, packets to their file where
/// there is one.
///
/// # Errors
/// Where the question cannot be asked here. What the kernel does to the traffic is never an error.
pub fn run(
    order: &WorkOrder,
    privileges: Privileges,
    packets: Option<File>,
    recorder: &Recorder,
    stop: &Stop,
) -> Result<(), RunError> {
    let spec = &order.spec;
    if let Some(reason) = preflight::obstacle(spec, order.ground) {
        return Err(RunError::NotApplicable(reason));
    }
    probe::wait_for_quiet_log(spec, || stop.asked());
    let (lab, built, settings) = Lab::build(spec, order.ground)?;
    recorder.tell(Event::Environment(Box::new(place::environment(
        order, privileges, settings,
    ))));
    recorder.tell(Event::Built(built));
    let mut traffic = Traffic::prepare(spec, &lab, recorder)?;
    let capture = packets
        .map(|file| Capture::prepare(spec, &lab, file))
        .transpose()
        .map_err(RunError::Capture)?;
    let probes = Probes::prepare(spec, &lab, recorder).map_err(RunError::Probe)?;

    let clock = RunClock::starting_in(LEAD);
    lab.begin(clock, recorder);
    if let Some(capture) = &capture {
        capture.begin(clock);
    }
    probes.begin(clock);
    traffic.begin(clock);
    let interrupted = watch(spec, &lab, &mut traffic, clock, stop)?;

    // The last look comes before held connections are closed.
    probes.stop().map_err(RunError::Probe)?;
    for text in capture
        .map(Capture::stop)
        .iter()
        .flat_map(CaptureSummary::notes)
    {
        let t = Some(clock.now());
        recorder.tell(Event::Note { t, text });
    }
    traffic.finish()?;
    if let Some((cpu, memory)) = place::used() {
        recorder.tell(Event::Used { cpu, memory });
    }
    recorder.tell(Event::Finished {
        t: clock.now(),
        interrupted,
    });
    lab.shutdown();
    Ok(())
}

/// Waits for the end: traffic has ended, every moment that an expectation names has passed, and every probe has looked
/// once more. Takes the scenario's steps on the way. True where it was asked to end before.
fn watch(
    spec: &RunSpec,
    lab: &Lab,
    traffic: &mut Traffic,
    clock: RunClock,
    stop: &Stop,
) -> Result<bool, RunError> {
    let mut steps = Steps::new(spec);
    let mut quiet_since = None;
    loop {
        if stop.asked() {
            return Ok(true);
        }
        let now = clock.now().as_duration();
        steps.take_due(now, lab, traffic)?;
        if !traffic.has_ended() || now < spec.watch_until || !steps.all_taken() {
            quiet_since = None;
        } else if now >= *quiet_since.get_or_insert(now) + spec.sample_every {
            return Ok(false);
        }
        std::thread::sleep(LOOK);
    }
}
