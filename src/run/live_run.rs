//! A run between its acts: what stands when the lab is built, the servers listen and everything else waits for the clock.
//!
//! Not here: the order of the acts (`run`, or a test that has its own in between).

use std::fs::File;
use std::time::Duration;

use super::steps::PendingSteps;
use super::{CancelToken, RunError, WorkOrder, environment, preflight};
use crate::lab::Lab;
use crate::probe::{self, Capture, CaptureSummary, Probes};
use crate::record::{Event, Privileges, Recorder, RunClock};
use crate::scenario::RunSpec;
use crate::traffic::Traffic;

/// Between readiness and the zero of the clock: threads that were told it have time to wait for it.
/// A wake-up costs 17 µs when quiet and milliseconds on a busy machine (measured).
const LEAD: Duration = Duration::from_millis(20);
/// How often the end of a run is looked for: it adds at most this to a run and costs nothing measurable.
const LOOK: Duration = Duration::from_millis(5);

/// A run that is ready to begin, and then goes on.
#[derive(Debug)]
pub struct LiveRun {
    spec: RunSpec,
    lab: Lab,
    traffic: Traffic,
    capture: Option<Capture>,
    probes: Probes,
    recorder: Recorder,
    /// In virtual time nobody outside can tell that a run takes too long.
    limit: Option<Duration>,
}

impl LiveRun {
    /// Builds the lab, starts the servers, and has clients and probes wait for the clock.
    ///
    /// # Errors
    /// Where the question cannot be asked here.
    pub fn prepare(
        order: &WorkOrder,
        privileges: Privileges,
        packets: Option<File>,
        recorder: &Recorder,
        cancel: &CancelToken,
    ) -> Result<Self, RunError> {
        let spec = &order.spec;
        if let Some(reason) = preflight::obstacle(spec, order.ground) {
            return Err(RunError::NotApplicable(reason));
        }
        probe::wait_for_quiet_log(spec, || cancel.is_cancelled());
        let (lab, built, settings) = Lab::build(spec, order.ground)?;
        recorder.record(Event::Environment(Box::new(environment::of_run(
            order, privileges, settings,
        ))));
        recorder.record(Event::Built(built));
        let traffic = Traffic::prepare(spec, &lab, recorder)?;
        let capture = packets
            .map(|file| Capture::prepare(spec, &lab, file))
            .transpose()
            .map_err(RunError::Capture)?;
        let probes = Probes::prepare(spec, &lab, recorder).map_err(RunError::Probe)?;
        Ok(Self {
            spec: spec.clone(),
            lab,
            traffic,
            capture,
            probes,
            recorder: recorder.clone(),
            limit: order.in_virtual_time().then_some(spec.timeout),
        })
    }

    /// The lab.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Starts the clock: clients act, probes watch, wires impair.
    pub fn begin(&mut self) -> RunClock {
        let clock = RunClock::starting_in(LEAD);
        self.lab.begin(clock, &self.recorder);
        if let Some(capture) = &self.capture {
            capture.begin(clock);
        }
        self.probes.begin(clock);
        self.traffic.begin(clock);
        clock
    }

    /// Waits for the end: traffic has ended, every moment that an expectation names has passed, and every probe has looked
    /// once more. Takes the scenario's steps on the way. True where it was asked to end before.
    ///
    /// # Errors
    /// Where a step cannot be taken.
    pub fn wait(&mut self, clock: RunClock, cancel: &CancelToken) -> Result<bool, RunError> {
        let mut steps = PendingSteps::new(&self.spec);
        let mut quiet_since = None;
        loop {
            if cancel.is_cancelled() {
                return Ok(true);
            }
            let now = clock.now().as_duration();
            if let Some(limit) = self.limit.filter(|limit| now > *limit) {
                return Err(RunError::TimedOut(limit));
            }
            steps.take_due(now, &self.lab, &mut self.traffic)?;
            if !self.traffic.has_ended() || now < self.spec.watch_until || !steps.all_taken() {
                quiet_since = None;
            } else if now >= *quiet_since.get_or_insert(now) + self.spec.sample_every {
                return Ok(false);
            }
            // Where nobody can ask it to end, there is nothing to look for before the last moment that matters.
            let ahead = match quiet_since {
                Some(since) => since + self.spec.sample_every,
                None => (self.spec.watch_until).min(steps.next().unwrap_or(Duration::MAX)),
            };
            let idle = match self.limit {
                Some(limit) => ahead.min(limit).saturating_sub(now),
                None => Duration::ZERO,
            };
            std::thread::sleep(idle.max(LOOK));
        }
    }

    /// The last look, then the end of everything.
    ///
    /// # Errors
    /// Where a probe or an actor had stopped before its time because of an error of the lab's.
    pub fn finish(self, clock: RunClock, interrupted: bool) -> Result<(), RunError> {
        // The last look comes before held connections are closed.
        self.probes.stop().map_err(RunError::Probe)?;
        for text in self
            .capture
            .map(Capture::stop)
            .iter()
            .flat_map(CaptureSummary::notes)
        {
            let t = Some(clock.now());
            self.recorder.record(Event::Note { t, text });
        }
        self.traffic.finish()?;
        if let Some((cpu, memory)) = environment::usage() {
            self.recorder.record(Event::Used { cpu, memory });
        }
        self.recorder.record(Event::Finished {
            t: clock.now(),
            interrupted,
        });
        self.lab.shutdown();
        Ok(())
    }
}
