//! One attempt at a run: its worker from start to end, killed where it does not end by itself.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::capturing::Capturing;
use super::recording::Recording;
use crate::backend::{Backend, Ground, WorkOrder, Worker};
use crate::record::{Event, Timeline};
use crate::scenario::RunSpec;

/// Time that a worker asked to end has until it is killed.
const TIME_TO_END: Duration = Duration::from_millis(800);
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
            Self::Broken(why) => why.clone(),
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

/// Starts a worker and passes on what it tells, until it has ended.
pub(super) async fn execute(
    (key, spec): (usize, &RunSpec),
    (mut recording, capturing): (Recording, Capturing),
    backend: &Backend,
    mut stop: watch::Receiver<bool>,
    events: mpsc::Sender<(usize, Event)>,
) -> Ended {
    let began = Instant::now();
    let deadline = tokio::time::Instant::now() + spec.timeout;
    let order = WorkOrder {
        spec: spec.clone(),
        ground: Ground::default(),
        capture: None,
        guest: None,
    };
    let mut worker = match backend.start(&order, capturing.file()).await {
        Ok(worker) => worker,
        Err(error) => {
            return Ended {
                took: began.elapsed(),
                last_words: Vec::new(),
                lost: Some(Lost::Broken(chain(&error))),
                recording,
                capturing,
            };
        }
    };
    let mut follower = Follower {
        key,
        timeout: spec.timeout,
        killed_at: deadline,
        stopping: false,
    };
    let mut lost = follower
        .follow(&mut worker, &mut recording, &mut stop, &events)
        .await;
    if lost.is_some() {
        worker.kill();
    }
    let mut last_words = Vec::new();
    match worker.wait(follower.killed_at).await {
        Ok(end) => {
            if end.killed {
                lost.get_or_insert(follower.late());
            }
            if !end.status.success() {
                let why = format!("the worker ended with {}", end.status);
                lost.get_or_insert(Lost::Broken(why));
            }
            last_words = end.last_words;
        }
        Err(error) => lost = Some(Lost::Broken(chain(&error))),
    }
    Ended {
        took: began.elapsed(),
        last_words,
        lost,
        recording,
        capturing,
    }
}

/// Who reads what a worker tells.
struct Follower {
    key: usize,
    timeout: Duration,
    killed_at: tokio::time::Instant,
    stopping: bool,
}

impl Follower {
    /// Passes on events until the worker's last. Gives the reason where it has to be killed.
    async fn follow(
        &mut self,
        worker: &mut Worker,
        recording: &mut Recording,
        stop: &mut watch::Receiver<bool>,
        events: &mpsc::Sender<(usize, Event)>,
    ) -> Option<Lost> {
        loop {
            tokio::select! {
                told = worker.next() => match told {
                    Ok(Some((event, line))) => {
                        recording.line(&line);
                        let _nobody_listens = events.send((self.key, event)).await;
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

    fn late(&self) -> Lost {
        if self.stopping {
            Lost::Deaf
        } else {
            Lost::TimedOut(self.timeout)
        }
    }
}

/// An error with its causes, one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
