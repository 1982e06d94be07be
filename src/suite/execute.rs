//! One attempt at a run: its worker from start to end, killed if it does not end by itself.

use std::fs::File;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::capturing::{Captures, Capturing};
use super::dispatch::Options;
use super::event_sink::EventSink;
use super::failure::{TIME_TO_STOP, WorkerFailure};
use super::hold::Hold;
use super::pace::Pace;
use super::recording::Recording;
use crate::backend::{HangLimit, LabHold, TraceMode, WorkOrder, Worker};
use crate::causes::chain;
use crate::record::{Event, Offset};
use crate::scenario::RunSpec;

/// The outcome of a run's worker from start to end.
pub(super) struct Execution {
    pub(super) took: Duration,
    pub(super) last_words: Vec<String>,
    pub(super) failure: Option<WorkerFailure>,
    pub(super) recording: Recording,
    pub(super) capturing: Capturing,
}

/// Starts a worker, which may run programs if `programs` is true, and passes on its events until it has ended. With
/// `verify` it does so twice and compares the events.
pub(super) async fn execute(
    (key, spec, programs): (usize, &RunSpec, bool),
    (mut recording, capturing): (Recording, Capturing),
    options: &Options,
    mut stop: watch::Receiver<bool>,
    events: mpsc::Sender<(usize, Event)>,
) -> Execution {
    let began = Instant::now();
    let mut sink = EventSink::Record {
        key,
        recording: &mut recording,
        events: &events,
        transcript: options.verify.then(Vec::new),
    };
    let (mut failure, mut last_words) = run_worker(
        (spec, programs),
        options,
        capturing.file(),
        &mut stop,
        &mut sink,
    )
    .await;
    if failure.is_none()
        && !*stop.borrow()
        && let Some(mut sink) = sink.into_comparison()
    {
        // The capture has the packets of the first execution.
        (failure, last_words) =
            run_worker((spec, programs), options, None, &mut stop, &mut sink).await;
        failure = failure.or_else(|| sink.missing().map(WorkerFailure::NotRepeatable));
    }
    Execution {
        took: began.elapsed(),
        last_words,
        failure,
        recording,
        capturing,
    }
}

/// Runs one worker from start to end. Returns its failure, if any, and the last lines of its standard error.
async fn run_worker(
    (spec, programs): (&RunSpec, bool),
    options: &Options,
    capture: Option<&File>,
    stop: &mut watch::Receiver<bool>,
    sink: &mut EventSink<'_>,
) -> (Option<WorkerFailure>, Vec<String>) {
    let order = WorkOrder {
        programs,
        trace: match &options.captures {
            _ if options.trace => TraceMode::Wanted,
            Captures::All(_) | Captures::OfFailures(_) => TraceMode::IfPossible,
            Captures::None if options.pace.is_some() => TraceMode::IfPossible,
            Captures::None => TraceMode::None,
        },
        hold: options.hold.as_ref().map(|hold| LabHold {
            at_most: hold.at_most,
        }),
        ..WorkOrder::new(spec.clone())
    };
    let started = tokio::select! {
        biased;
        started = options.backend.start(&order, capture) => started,
        // Starting takes long if a guest has to boot.
        _ = stop.wait_for(|stop| *stop) => {
            let (t, interrupted) = (Offset::ZERO, true);
            let event = Event::Finished { t, interrupted };
            return (sink.receive_for_worker(event).await, Vec::new());
        }
    };
    let mut worker = match started {
        Ok(worker) => worker,
        Err(error) => {
            let failure = match error.not_applicable() {
                Some(reason) => {
                    let event = Event::NotApplicable { reason };
                    sink.receive_for_worker(event).await
                }
                None => Some(WorkerFailure::Broken(chain(&error))),
            };
            return (failure, error.last_words().to_vec());
        }
    };
    let mut supervisor = Supervisor::new(
        spec.timeout,
        worker.hang_limit(),
        (options.hold.clone(), options.pace.clone()),
    );
    let mut failure = supervisor.follow(&mut worker, stop, sink).await;
    if failure.is_some() {
        worker.kill();
    }
    let mut last_words = Vec::new();
    match worker.wait(supervisor.deadline).await {
        Ok(end) => {
            if end.killed {
                failure.get_or_insert(supervisor.missed_deadline());
            }
            if let Some(why) = end.failure {
                failure.get_or_insert(WorkerFailure::Broken(why));
            }
            last_words = end.last_words;
        }
        Err(error) => failure = Some(WorkerFailure::Broken(chain(&error))),
    }
    (failure, last_words)
}

/// A time that no hold reaches. The clock of tokio cannot count to the end of `Duration`.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Waits until the lab is no longer to be kept.
async fn released(hold: Option<&mut Hold>) {
    match hold {
        Some(hold) => hold.released().await,
        None => std::future::pending().await,
    }
}

/// Reads a worker's events and watches the deadline.
struct Supervisor {
    timeout: Duration,
    hang_limit: HangLimit,
    /// The worker is killed at this moment.
    deadline: tokio::time::Instant,
    stopping: bool,
    /// Set if the lab is kept after the end of the run.
    hold: Option<Hold>,
    /// True while the lab is kept.
    holding: bool,
    /// The pace at which events are passed on.
    pace: Option<Pace>,
}

impl Supervisor {
    fn new(
        timeout: Duration,
        hang_limit: HangLimit,
        (hold, pace): (Option<Hold>, Option<Pace>),
    ) -> Self {
        let time = match hang_limit {
            HangLimit::Timeout { start_up } => start_up + timeout,
            HangLimit::Silence(silence) => silence,
        };
        Self {
            timeout,
            hang_limit,
            deadline: tokio::time::Instant::now() + time,
            stopping: false,
            hold,
            holding: false,
            // Only a guest in virtual time can be held back.
            pace: pace
                .filter(|_| matches!(hang_limit, HangLimit::Silence(_)))
                .map(Pace::for_run),
        }
    }

    /// Passes on events up to the worker's last. Returns a failure if the worker has to be killed.
    async fn follow(
        &mut self,
        worker: &mut Worker,
        stop: &mut watch::Receiver<bool>,
        sink: &mut EventSink<'_>,
    ) -> Option<WorkerFailure> {
        let mut stopped = stop.clone();
        loop {
            tokio::select! {
                next = worker.next() => match next {
                    Ok(Some((event, line))) => {
                        if let Some(pace) = &mut self.pace {
                            tokio::select! {
                                () = pace.wait_for(&event) => {}
                                _ = stopped.wait_for(|stop| *stop) => {}
                            }
                        }
                        self.postpone_deadline(&event);
                        if let Some(failure) = sink.receive(event, &line).await {
                            return Some(failure);
                        }
                    }
                    Ok(None) => return None,
                    Err(error) => return Some(WorkerFailure::Broken(chain(&error))),
                },
                () = tokio::time::sleep_until(self.deadline) => return Some(self.missed_deadline()),
                () = released(self.hold.as_mut()), if self.holding && !self.stopping => {
                    self.stop(worker);
                }
                changed = stop.wait_for(|stop| *stop), if !self.stopping => {
                    drop(changed);
                    self.stop(worker);
                }
            }
        }
    }

    fn stop(&mut self, worker: &mut Worker) {
        self.stopping = true;
        self.deadline = tokio::time::Instant::now() + TIME_TO_STOP;
        worker.ask_to_stop();
    }

    /// Postpones the deadline after an event if only silence counts, and while the lab is kept.
    fn postpone_deadline(&mut self, event: &Event) {
        if let Event::Held { at_most, .. } = event {
            let kept = at_most.map_or(FOREVER, Duration::from_nanos).min(FOREVER);
            self.holding = true;
            self.deadline = tokio::time::Instant::now() + kept + self.timeout;
            return;
        }
        match self.hang_limit {
            HangLimit::Silence(silence) if !self.stopping => {
                self.deadline = tokio::time::Instant::now() + silence;
            }
            HangLimit::Silence(_) | HangLimit::Timeout { .. } => {}
        }
    }

    fn missed_deadline(&self) -> WorkerFailure {
        match self.hang_limit {
            _ if self.stopping => WorkerFailure::IgnoredStop,
            HangLimit::Silence(silence) => WorkerFailure::Silent(silence),
            HangLimit::Timeout { .. } => WorkerFailure::TimedOut(self.timeout),
        }
    }
}
