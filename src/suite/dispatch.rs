//! Starts runs as the budget allows, gathers what they tell, judges them, keeps the order of the files.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::sync::watch;

use super::capturing::{Captures, Capturing};
use super::event::SuiteEvent;
use super::recording::{Recording, Records};
use super::result::{CaseComparison, RunResult, ScenarioFile, ScenarioResult, SuiteResult};
use super::schedule::{Budget, Need};
use crate::backend::{Backend, Ground, WorkOrder, Worker};
use crate::expect;
use crate::record::{End, Event, Outcome, RunVerdict, Timeline};
use crate::scenario::RunSpec;

/// Time that a worker asked to end has until it is killed.
const TIME_TO_END: Duration = Duration::from_millis(800);
/// Events that wait for the one who reads them; a worker that tells faster is held up by its pipe.
const WAITING_EVENTS: usize = 1024;

/// How a suite is run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Most runs at once; what the machine carries where absent.
    pub slots: Option<usize>,
    /// Where runs execute.
    pub backend: Backend,
    /// Which records are kept, and where.
    pub records: Records,
    /// Which captures are made, and where they are kept.
    pub captures: Captures,
}

/// Runs every run of every file. `stop` turns true when the suite shall end early, with what was learnt so far.
/// What happens is told to `tell`, scenarios in the order they were given.
pub async fn run_suite(
    files: Vec<Arc<ScenarioFile>>,
    options: &Options,
    stop: watch::Receiver<bool>,
    mut tell: impl FnMut(SuiteEvent<'_>),
) -> SuiteResult {
    let began = Instant::now();
    let mut waiting: VecDeque<Job> = jobs(&files).collect();
    tell(SuiteEvent::Started {
        scenarios: files.len(),
        runs: waiting.len(),
    });
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut budget = Budget::new(processors, options.slots);
    let mut gathered = Gathered::new(files);
    let (events, mut inbox) = mpsc::channel(WAITING_EVENTS);
    let mut running = FuturesUnordered::new();
    let mut timelines: BTreeMap<usize, Timeline> = BTreeMap::new();
    let mut captured = BTreeMap::new();
    gathered.tell_ended(&mut tell);
    loop {
        while let Some(job) = next_job(&mut waiting, &mut budget, *stop.borrow()) {
            tell(SuiteEvent::RunStarted {
                key: job.key,
                spec: &job.spec,
            });
            timelines.insert(job.key, Timeline::default());
            let recording =
                Recording::start(&options.records, &gathered.files[job.file], &job.spec);
            let capturing = Capturing::start(
                &options.captures,
                &job.spec,
                recording.path(),
                (job.key, &mut captured),
            );
            running.push(execute(
                job,
                (recording, capturing),
                &options.backend,
                stop.clone(),
                events.clone(),
            ));
        }
        if running.is_empty() {
            break;
        }
        tokio::select! {
            // Events first: a run's last event comes before its end.
            biased;
            Some((key, event)) = inbox.recv() => {
                if let Some(timeline) = timelines.get_mut(&key) {
                    timeline.add(event);
                    tell(SuiteEvent::RunTold { key, timeline });
                }
            }
            Some(ended) = running.next() => {
                let Ended { job, took, last_words, lost, recording, capturing } = ended;
                budget.give_back(job.need);
                let timeline = timelines.remove(&job.key).unwrap_or_default();
                let mut result = judge(&job, timeline, took, last_words, lost);
                result.record = recording.end(&gathered.files[job.file], &result);
                result.capture = capturing.end(&result.verdict);
                tell(SuiteEvent::RunEnded { key: job.key, result: &result });
                gathered.add(&job, result);
                gathered.tell_ended(&mut tell);
            }
        }
    }
    let interrupted = *stop.borrow();
    let result = SuiteResult {
        scenarios: gathered.finish(&mut tell),
        took: began.elapsed(),
        interrupted,
    };
    tell(SuiteEvent::Ended(&result));
    result
}

/// One run that waits for its turn.
#[derive(Debug)]
struct Job {
    key: usize,
    file: usize,
    spec: RunSpec,
    need: Need,
}

fn jobs(files: &[Arc<ScenarioFile>]) -> impl Iterator<Item = Job> {
    files
        .iter()
        .enumerate()
        .flat_map(|(file, source)| source.scenario.runs.iter().map(move |spec| (file, spec)))
        .enumerate()
        .map(|(key, (file, spec))| Job {
            key,
            file,
            spec: spec.clone(),
            need: Need::of(spec),
        })
}

/// The first that fits: one that needs the whole machine waits until all others are done.
fn next_job(waiting: &mut VecDeque<Job>, budget: &mut Budget, stopping: bool) -> Option<Job> {
    if stopping {
        waiting.clear();
    }
    let at = waiting.iter().position(|job| budget.take(job.need))?;
    waiting.remove(at)
}

/// How a run's worker ended.
struct Ended {
    job: Job,
    took: Duration,
    last_words: Vec<String>,
    /// Why the worker's tale is not whole, where it is not.
    lost: Option<String>,
    recording: Recording,
    capturing: Capturing,
}

async fn execute(
    job: Job,
    (mut recording, capturing): (Recording, Capturing),
    backend: &Backend,
    mut stop: watch::Receiver<bool>,
    events: mpsc::Sender<(usize, Event)>,
) -> Ended {
    let began = Instant::now();
    let order = WorkOrder {
        spec: job.spec.clone(),
        ground: Ground::default(),
        capture: None,
        guest: None,
    };
    let mut worker = match backend.start(&order, capturing.file()).await {
        Ok(worker) => worker,
        Err(error) => {
            return Ended {
                job,
                took: began.elapsed(),
                last_words: Vec::new(),
                lost: Some(chain(&error)),
                recording,
                capturing,
            };
        }
    };
    let mut lost = follow(&mut worker, &job, &mut recording, &mut stop, &events).await;
    if lost.is_some() {
        worker.kill();
    }
    let mut last_words = Vec::new();
    match worker.wait().await {
        Ok(end) => {
            if !end.status.success() {
                lost.get_or_insert_with(|| format!("the worker ended with {}", end.status));
            }
            last_words = end.last_words;
        }
        Err(error) => lost = Some(chain(&error)),
    }
    Ended {
        job,
        took: began.elapsed(),
        last_words,
        lost,
        recording,
        capturing,
    }
}

/// Passes on events until the worker's last. Gives the reason where it has to be killed.
async fn follow(
    worker: &mut Worker,
    job: &Job,
    recording: &mut Recording,
    stop: &mut watch::Receiver<bool>,
    events: &mpsc::Sender<(usize, Event)>,
) -> Option<String> {
    let deadline = tokio::time::Instant::now() + job.spec.timeout;
    let mut killed_at = deadline;
    let mut stopping = false;
    loop {
        tokio::select! {
            told = worker.next() => match told {
                Ok(Some((event, line))) => {
                    recording.line(&line);
                    let _nobody_listens = events.send((job.key, event)).await;
                }
                Ok(None) => return None,
                Err(error) => return Some(chain(&error)),
            },
            () = tokio::time::sleep_until(killed_at) => return Some(if stopping {
                "it was asked to end and did not".to_owned()
            } else {
                format!("it did not end within its timeout of {:?}", job.spec.timeout)
            }),
            changed = stop.wait_for(|stop| *stop), if !stopping => {
                drop(changed);
                stopping = true;
                killed_at = tokio::time::Instant::now() + TIME_TO_END;
                worker.ask_to_end();
            }
        }
    }
}

fn judge(
    job: &Job,
    timeline: Timeline,
    took: Duration,
    last_words: Vec<String>,
    lost: Option<String>,
) -> RunResult {
    let verdict = match (&timeline.end, lost) {
        // A worker that told its end is believed, however its process ended.
        (Some(_), _) | (None, None) => expect::judge(&job.spec, &timeline),
        (None, Some(reason)) => RunVerdict {
            outcome: Outcome::Errored,
            reason: Some(reason),
            verdicts: Vec::new(),
        },
    };
    let last_words = if matches!(timeline.end, Some(End::Finished { .. })) {
        Vec::new()
    } else {
        last_words
    };
    RunResult {
        spec: job.spec.clone(),
        timeline,
        verdict,
        took,
        last_words,
        record: Ok(None),
        capture: Ok(None),
    }
}

/// An error with its causes, one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Results that wait for those before them.
struct Gathered {
    files: Vec<Arc<ScenarioFile>>,
    runs: Vec<BTreeMap<usize, RunResult>>,
    ended: Vec<Arc<ScenarioResult>>,
}

impl Gathered {
    fn new(files: Vec<Arc<ScenarioFile>>) -> Self {
        Self {
            runs: files.iter().map(|_| BTreeMap::new()).collect(),
            files,
            ended: Vec::new(),
        }
    }

    fn add(&mut self, job: &Job, result: RunResult) {
        self.runs[job.file].insert(job.key, result);
    }

    /// Tells every scenario that is complete and whose turn it is.
    fn tell_ended(&mut self, tell: &mut impl FnMut(SuiteEvent<'_>)) {
        while let Some(file) = self.files.get(self.ended.len()) {
            let runs = &mut self.runs[self.ended.len()];
            if runs.len() < file.scenario.runs.len() {
                return;
            }
            self.end_next(tell);
        }
    }

    /// Ends what is left: an interrupted suite has scenarios with fewer runs than they should have.
    fn finish(mut self, tell: &mut impl FnMut(SuiteEvent<'_>)) -> Vec<Arc<ScenarioResult>> {
        while self.ended.len() < self.files.len() {
            self.end_next(tell);
        }
        self.ended
    }

    fn end_next(&mut self, tell: &mut impl FnMut(SuiteEvent<'_>)) {
        let index = self.ended.len();
        let runs: Vec<RunResult> = std::mem::take(&mut self.runs[index])
            .into_values()
            .collect();
        let compare = compare(&self.files[index], &runs);
        let result = Arc::new(ScenarioResult {
            file: Arc::clone(&self.files[index]),
            runs,
            compare,
        });
        tell(SuiteEvent::ScenarioEnded(&result));
        self.ended.push(result);
    }
}

/// Judges `compare:` for each matrix case whose variants have all run.
fn compare(file: &ScenarioFile, runs: &[RunResult]) -> Vec<CaseComparison> {
    let scenario = &file.scenario;
    if scenario.compare.is_empty() || runs.len() < scenario.runs.len() {
        return Vec::new();
    }
    let mut cases: Vec<CaseComparison> = Vec::new();
    for run in runs {
        let case = &run.spec.id.case;
        if cases.iter().any(|known| known.case == *case) {
            continue;
        }
        let variants = runs
            .iter()
            .filter(|other| other.spec.id.case == *case)
            .filter_map(|other| {
                Some((
                    other.spec.id.variant.clone()?,
                    (&other.timeline, other.verdict.outcome),
                ))
            })
            .collect();
        cases.push(CaseComparison {
            case: case.clone(),
            verdicts: expect::compare(&scenario.compare, &variants),
        });
    }
    cases
}
