//! A run whose lab is built and whose servers listen: starting its clock, waiting for its end, shutting it down.
//!
//! Not here: calling these steps in order, which `run` does, or a testbed with a test's own code in between.

use std::fs::File;
use std::time::Duration;

use super::steps::PendingSteps;
use super::{
    CancelToken, LabHold, RunError, TraceMode, WorkOrder, environment, pinned_notes, preflight,
};
use crate::lab::Lab;
use crate::probe::{
    self, CaptureSummary, Contention, EntryProbe, NoTrace, PacketCapture, Probes, TraceProbe,
};
use crate::record::{CAPTURE, Event, Privileges, Recorder, RunClock};
use crate::scenario::RunSpec;
use crate::scenario::topology::ImpairedBy;
use crate::traffic::Traffic;
use crate::units::as_nanos;

/// Time between readiness and the zero of the clock, so that every thread is waiting when the clock reaches zero.
/// A wake-up takes 17 µs on a quiet machine and milliseconds on a busy one (measured).
const LEAD: Duration = Duration::from_millis(5);
/// Time between the first two looks for a lab at rest; it doubles from look to look. Closing a connection takes tens of
/// microseconds on links without delay.
const REST: Duration = Duration::from_millis(2);

/// A run that is ready to begin or in progress.
#[derive(Debug)]
pub struct LiveRun {
    spec: RunSpec,
    lab: Lab,
    traffic: Traffic,
    capture: Option<PacketCapture>,
    trace: Option<TraceProbe>,
    entries: Option<EntryProbe>,
    /// Absent once they have taken their last sample.
    probes: Option<Probes>,
    recorder: Recorder,
    /// The timeout, in virtual time only: there no process outside can see that a run takes too long.
    limit: Option<Duration>,
    contention: Option<Contention>,
}

impl LiveRun {
    /// Builds the lab, starts the servers, and prepares clients and probes to wait for the clock.
    ///
    /// # Errors
    ///
    /// If the scenario cannot be run here.
    pub fn prepare(
        order: &WorkOrder,
        privileges: Privileges,
        packets: Option<File>,
        recorder: &Recorder,
        cancel: &CancelToken,
    ) -> Result<Self, RunError> {
        let spec = &order.spec;
        if let Some(reason) = preflight::unmet_requirement(order) {
            return Err(RunError::NotApplicable(reason));
        }
        probe::wait_for_quiet_log(spec, || cancel.is_cancelled());
        let (lab, built, settings) = Lab::build(spec, order.scope)?;
        recorder.record(Event::Environment(Box::new(environment::of_run(
            order, privileges, settings,
        ))));
        recorder.record(Event::Built(built));
        pinned_notes::record(spec, order.scope, recorder);
        let traffic = Traffic::prepare(spec, &lab, recorder)?;
        let capture = packets
            .map(|file| PacketCapture::prepare(spec, &lab, file))
            .transpose()
            .map_err(RunError::Capture)?;
        let probes = Probes::prepare((spec, order.trace != TraceMode::None), &lab, recorder);
        let probes = probes.map_err(RunError::Probe)?;
        let trace = trace(order, &lab, recorder)?;
        let entries = entries(order, &lab, recorder);
        Ok(Self {
            spec: spec.clone(),
            lab,
            traffic,
            capture,
            trace,
            entries,
            probes: Some(probes),
            recorder: recorder.clone(),
            limit: order.in_virtual_time().then_some(spec.timeout),
            contention: None,
        })
    }

    /// Returns the lab with its nodes.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Starts the clock: clients begin their load, probes sample, wires apply their impairments.
    pub fn begin(&mut self) -> RunClock {
        let alone = self.spec.exclusive && self.limit.is_none();
        self.contention = own_time().filter(|_| alone).and_then(Contention::measure);
        let clock = RunClock::starting_in(LEAD);
        self.lab.begin(clock, &self.recorder);
        if let Some(capture) = &self.capture {
            capture.begin(clock);
        }
        if let Some(probes) = &self.probes {
            probes.begin(clock);
        }
        if let Some(trace) = &self.trace {
            trace.begin(clock);
        }
        if let Some(entries) = &self.entries {
            entries.begin(clock);
        }
        self.traffic.begin(clock);
        clock
    }

    /// Waits for the end of the run and takes the scenario's steps when they are due. The run ends when all traffic has
    /// ended, every moment that an expectation names has passed, and the lab is at rest, or every probe has sampled
    /// once more.
    ///
    /// Returns true if the run was cancelled before that.
    ///
    /// # Errors
    ///
    /// If a step cannot be taken, or a run in virtual time exceeds its timeout.
    pub fn wait(&mut self, clock: RunClock, cancel: &CancelToken) -> Result<bool, RunError> {
        let mut steps = PendingSteps::new(&self.spec);
        let waiting = cancel.clone();
        self.traffic.call_at_each_end(move || waiting.wake());
        loop {
            if cancel.is_cancelled() {
                return Ok(true);
            }
            steps.take_due(clock, (&self.lab, &mut self.traffic), &self.recorder)?;
            // After the steps: one that takes long must not delay the next.
            let now = clock.now().as_duration();
            if let Some(limit) = self.limit.filter(|limit| now > *limit) {
                return Err(RunError::TimedOut(limit));
            }
            let has_ended = self.traffic.has_ended();
            let watches = now < self.spec.watch_until;
            if has_ended && !watches && steps.all_taken() {
                self.wait_for_rest(cancel);
                return Ok(cancel.is_cancelled());
            }
            let watched = watches.then_some(self.spec.watch_until);
            let moments = [steps.next(), watched, self.limit.map(|limit| limit + REST)];
            let next = moments.into_iter().flatten().min();
            let idle = next.map_or(Duration::MAX, |next| next.saturating_sub(now));
            cancel.wait(idle, || self.traffic.has_ended() && !has_ended);
        }
    }

    /// Waits until no TCP socket of the lab is on its way to another state, for as long as a sample at most. Sockets
    /// that stay open, a program in the background, or a link on which packets take time make it wait for all of that.
    fn wait_for_rest(&self, cancel: &CancelToken) {
        let mut left = self.spec.sample_every;
        let mut pause = REST;
        let topology = &self.spec.topology;
        let mut links = topology.links.iter();
        let mut commands = self.spec.workload.commands.iter();
        let goes_on = commands.any(|command| command.background)
            || links.any(|link| link.by == ImpairedBy::Netem)
            || topology.wired().contains(&true);
        while !left.is_zero() && !cancel.is_cancelled() {
            let probes = self.probes.as_ref().filter(|_| !goes_on);
            if probes.is_some_and(Probes::is_at_rest) {
                return;
            }
            let time = if goes_on { left } else { pause.min(left) };
            cancel.wait(time, || false);
            left -= time;
            pause *= 2;
        }
    }

    /// Takes the last sample and keeps the lab with its servers until the time is up or the run is cancelled.
    ///
    /// # Errors
    ///
    /// If a probe had stopped early.
    pub fn hold(
        &mut self,
        clock: RunClock,
        hold: LabHold,
        cancel: &CancelToken,
    ) -> Result<(), RunError> {
        self.stop_watching(clock)?;
        let since = clock.now();
        let at_most = hold.at_most.map(as_nanos);
        self.recorder.record(Event::Held { t: since, at_most });
        let kept = || clock.now().as_duration() - since.as_duration();
        while !cancel.is_cancelled() && hold.at_most.is_none_or(|limit| kept() < limit) {
            let left = hold.at_most.map(|limit| limit.saturating_sub(kept()));
            cancel.wait(left.unwrap_or(Duration::MAX), || false);
        }
        let text = format!(
            "the lab was kept for {:.1} s after the end of the run; final counts of servers include what came then",
            kept().as_secs_f64()
        );
        let t = Some(clock.now());
        self.recorder.record(Event::Note { t, text });
        Ok(())
    }

    /// Takes the last sample and ends the capture, unless that was done before.
    fn stop_watching(&mut self, clock: RunClock) -> Result<(), RunError> {
        if let Some(probes) = self.probes.take() {
            probes.stop().map_err(RunError::Probe)?;
        }
        let summary = self.capture.take().map(PacketCapture::stop);
        if let Some(text) = summary.as_ref().and_then(CaptureSummary::gap) {
            self.recorder.record(Event::Gap {
                t: Some(clock.now()),
                of: CAPTURE.to_owned(),
                text,
            });
        }
        let of_capture = summary.iter().flat_map(CaptureSummary::notes);
        if let Some(entries) = self.entries.take() {
            entries.stop();
        }
        let of_trace = self.trace.take().map(TraceProbe::stop).transpose();
        let of_trace = of_trace.map_err(RunError::Trace)?;
        for text in of_capture.chain(of_trace.unwrap_or_default()) {
            let t = Some(clock.now());
            self.recorder.record(Event::Note { t, text });
        }
        Ok(())
    }

    /// Takes the last sample, stops everything, and removes the lab.
    ///
    /// # Errors
    ///
    /// If a probe, server, client or command had stopped early because of an error of the lab itself.
    pub fn finish(mut self, clock: RunClock, interrupted: bool) -> Result<(), RunError> {
        let ended = clock.now();
        // The last sample must come before held connections are closed.
        self.stop_watching(clock)?;
        self.traffic.finish()?;
        // The time of programs counts as the run's own once they have ended.
        let beside = self.contention.take().zip(own_time());
        if let Some(text) = beside.and_then(|(contention, own)| contention.note(own)) {
            let t = Some(ended);
            self.recorder.record(Event::Note { t, text });
        }
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

/// Returns the processor time of this process and its children.
fn own_time() -> Option<Duration> {
    let (nanos, _) = environment::usage()?;
    Some(Duration::from_nanos(nanos))
}

/// Starts to trace the kernel, if the order or an expectation asks for it.
fn trace(
    order: &WorkOrder,
    lab: &Lab,
    recorder: &Recorder,
) -> Result<Option<TraceProbe>, RunError> {
    let is_needed = TraceProbe::is_named(&order.spec);
    if order.trace == TraceMode::None && !is_needed {
        return Ok(None);
    }
    let not_traced = match TraceProbe::prepare(&order.spec, lab, recorder) {
        Ok(trace) => return Ok(Some(trace)),
        Err(error) => error,
    };
    if is_needed {
        return Err(RunError::NotApplicable(not_traced.to_string()));
    }
    if order.trace == TraceMode::Wanted {
        let text = without_trace(&not_traced);
        recorder.record(Event::Note { t: None, text });
    }
    Ok(None)
}

/// Starts to follow connection tracking tables, if the run is traced or captured.
fn entries(order: &WorkOrder, lab: &Lab, recorder: &Recorder) -> Option<EntryProbe> {
    if order.trace == TraceMode::None {
        return None;
    }
    match EntryProbe::prepare(&order.spec, lab, recorder) {
        Ok(probe) => probe,
        Err(text) => {
            recorder.record(Event::Note { t: None, text });
            None
        }
    }
}

fn without_trace(why: &NoTrace) -> String {
    format!("{why}; states and reasons are inferred")
}
