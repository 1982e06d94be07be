//! One attempt at a run: its worker from start to end, killed where it does not end by itself.

use std::collections::BTreeSet;
use std::fs::File;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::capturing::Capturing;
use super::ear::Ear;
use super::recording::Recording;
use crate::backend::vm::Time;
use crate::backend::{Backend, Ground, WorkOrder, Worker, WorkerError};
use crate::causes::chain;
use crate::record::{Event, Offset, Timeline};
use crate::scenario::RunSpec;

/// Time that a worker asked to end has until it is killed.
const TIME_TO_END: Duration = Duration::from_millis(800);
/// Time that a guest in real time has to boot, beside its run's timeout.
const BOOT: Duration = Duration::from_secs(60);
/// How long a guest in virtual time may tell nothing, by the host's clock. Between two looks of a probe lie 100 ms of virtual time: a
/// second's work for a guest that is fully loaded, on a host that has several.
const SILENCE: Duration = Duration::from_secs(120);
/// Metrics that tell what a run was doing.
const METRICS: usize = 5;

/// How a run's worker ended.
pub(super) struct Ended {
    pub(super) took: Duration,
    pub(super) last_words: Vec<String>,
    /// Why the worker's tale is not whole, where it is not.
    pub(super) lost: Option<Lost>,
    pub(super) recording: Recording,
    pub(super) capturing: Capturing,
}

/// Why a worker's tale is not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lost {
    /// It was killed at its timeout.
    TimedOut(Duration),
    /// It was killed because it did not end when asked.
    Deaf,
    /// It told nothing for so long, by the host's clock, and was killed.
    Silent(Duration),
    /// It was done again and told something else.
    Unrepeatable(String),
    /// It cannot be had or understood, or died.
    Broken(String),
}

impl Lost {
    /// What happened, and what the run was doing then.
    pub(super) fn told(&self, spec: &RunSpec, timeline: &Timeline) -> String {
        match self {
            Self::TimedOut(timeout) => format!(
                "it did not end within its timeout of {timeout:?} and was killed; {}",
                last_state(spec, timeline)
            ),
            Self::Deaf => format!(
                "it was asked to end and did not within {TIME_TO_END:?}; {}",
                last_state(spec, timeline)
            ),
            Self::Silent(patience) => format!(
                "the guest told nothing for {patience:?} and was killed; {}",
                last_state(spec, timeline)
            ),
            Self::Unrepeatable(why) | Self::Broken(why) => why.clone(),
        }
    }
}

/// What a run that did not end was doing, by the last that it told.
fn last_state(spec: &RunSpec, timeline: &Timeline) -> String {
    if timeline.environment.is_none() && timeline.built.is_none() {
        return "it had told nothing, so it hung while its lab was built".to_owned();
    }
    let mut state = format!("the last that it told was of {}", timeline.now);
    let clients = spec.workload.clients.iter().flat_map(|client| {
        ["attempted", "in-flight"].map(|counter| format!("{}.{counter}", client.name))
    });
    let watched = spec.watched.iter().map(ToString::to_string);
    let mut told = BTreeSet::new();
    let values = clients.chain(watched).filter_map(|name| {
        let value = timeline.series(&name)?.last()?;
        let new = told.insert(name.clone());
        new.then(|| format!("{name} = {value}"))
    });
    let values: Vec<String> = values.take(METRICS).collect();
    if !values.is_empty() {
        state = format!("{state}: {}", values.join(", "));
    }
    state
}

/// Starts a worker and passes on what it tells, until it has ended; once more where it is to be seen whether that is the same.
pub(super) async fn execute(
    (key, spec): (usize, &RunSpec),
    (mut recording, capturing): (Recording, Capturing),
    (backend, verify): (&Backend, bool),
    mut stop: watch::Receiver<bool>,
    events: mpsc::Sender<(usize, Event)>,
) -> Ended {
    let began = Instant::now();
    let mut ear = Ear::First {
        key,
        recording: &mut recording,
        events: &events,
        tale: verify.then(Vec::new),
    };
    let (mut lost, mut last_words) =
        attend(spec, backend, capturing.file(), &mut stop, &mut ear).await;
    if lost.is_none()
        && !*stop.borrow()
        && let Some(mut ear) = ear.again()
    {
        // Where the packets go, the first ones are.
        (lost, last_words) = attend(spec, backend, None, &mut stop, &mut ear).await;
        lost = lost.or_else(|| ear.missing().map(Lost::Unrepeatable));
    }
    Ended {
        took: began.elapsed(),
        last_words,
        lost,
        recording,
        capturing,
    }
}

/// One worker, from start to end. Gives why its tale is not whole, where it is not, and its last words.
async fn attend(
    spec: &RunSpec,
    backend: &Backend,
    capture: Option<&File>,
    stop: &mut watch::Receiver<bool>,
    ear: &mut Ear<'_>,
) -> (Option<Lost>, Vec<String>) {
    let deadline = tokio::time::Instant::now() + spec.timeout;
    let order = WorkOrder {
        spec: spec.clone(),
        ground: Ground::default(),
        capture: None,
        guest: None,
    };
    let started = tokio::select! {
        biased;
        started = backend.start(&order, capture) => started,
        // A guest may have to be booted before.
        _ = stop.wait_for(|stop| *stop) => {
            let (t, interrupted) = (Offset::ZERO, true);
            return (ear.told(Event::Finished { t, interrupted }).await, Vec::new());
        }
    };
    let mut worker = match started {
        Ok(worker) => worker,
        Err(WorkerError::Vm(error)) => {
            let words = error.console().to_vec();
            let lost = match error.missing() {
                Some(reason) => ear.told(Event::NotApplicable { reason }).await,
                None => Some(Lost::Broken(chain(&error))),
            };
            return (lost, words);
        }
        Err(error) => return (Some(Lost::Broken(chain(&error))), Vec::new()),
    };
    let mut follower = Follower {
        timeout: spec.timeout,
        killed_at: deadline,
        silence: None,
        stopping: false,
        told_end: false,
    };
    match backend {
        Backend::Host(_) => {}
        Backend::Vm(vm) if vm.time() == Time::Virtual => follower.allow_silence(SILENCE),
        Backend::Vm(_) => {
            follower.killed_at = tokio::time::Instant::now() + BOOT + spec.timeout;
        }
    }
    let mut lost = follower.follow(&mut worker, stop, ear).await;
    if lost.is_some() {
        worker.kill();
    }
    let mut last_words = Vec::new();
    match worker.wait(follower.killed_at).await {
        Ok(end) => {
            if end.killed {
                lost.get_or_insert(follower.late());
            }
            let why = match backend {
                Backend::Host(_) if end.status.success() => None,
                Backend::Host(_) => Some(end.cause()),
                Backend::Vm(_) if follower.told_end => None,
                Backend::Vm(_) => Some(format!(
                    "the guest ended before its run did: {}",
                    end.cause_in_guest()
                )),
            };
            if let Some(why) = why {
                lost.get_or_insert(Lost::Broken(why));
            }
            last_words = end.last_words;
        }
        Err(error) => lost = Some(Lost::Broken(chain(&error))),
    }
    (lost, last_words)
}

/// Who reads what a worker tells.
struct Follower {
    timeout: Duration,
    killed_at: tokio::time::Instant,
    /// How long a worker in virtual time may tell nothing.
    silence: Option<Duration>,
    stopping: bool,
    told_end: bool,
}

impl Follower {
    /// Passes on events until the worker's last. Gives the reason where it has to be killed.
    async fn follow(
        &mut self,
        worker: &mut Worker,
        stop: &mut watch::Receiver<bool>,
        ear: &mut Ear<'_>,
    ) -> Option<Lost> {
        loop {
            tokio::select! {
                told = worker.next() => match told {
                    Ok(Some((event, line))) => {
                        if let Some(silence) = self.silence.filter(|_| !self.stopping) {
                            self.allow_silence(silence);
                        }
                        self.told_end |= event.is_last();
                        if let Some(lost) = ear.hear(event, &line).await {
                            return Some(lost);
                        }
                    }
                    Ok(None) => return None,
                    Err(error) => return Some(Lost::Broken(chain(&error))),
                },
                () = tokio::time::sleep_until(self.killed_at) => return Some(self.late()),
                changed = stop.wait_for(|stop| *stop), if !self.stopping => {
                    drop(changed);
                    self.stopping = true;
                    self.killed_at = tokio::time::Instant::now() + TIME_TO_END;
                    worker.ask_to_end();
                }
            }
        }
    }

    fn allow_silence(&mut self, silence: Duration) {
        self.silence = Some(silence);
        self.killed_at = tokio::time::Instant::now() + silence;
    }

    fn late(&self) -> Lost {
        match self.silence {
            _ if self.stopping => Lost::Deaf,
            Some(silence) => Lost::Silent(silence),
            None => Lost::TimedOut(self.timeout),
        }
    }
}
