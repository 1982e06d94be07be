//! Runs a suite: starts runs as the scheduler allows, collects their events, judges them, retries, and reports
//! results in the order of the files.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::sync::watch;

use super::capturing::{Captures, Capturing};
use super::demand::{Demand, PhaseOf};
use super::durations::expected;
use super::event::SuiteEvent;
use super::execute::{Execution, execute};
use super::failure::WorkerFailure;
use super::history::History;
use super::hold::Hold;
use super::identity::SuiteIdentity;
use super::job::Job;
use super::pace::Pace;
use super::recording::{RecordTarget, Recording, Records};
use super::result::{RunResult, ScenarioFile, SuiteResult};
use super::results::OrderedResults;
use super::retry::Retry;
use super::run_order::RunOrder;
use super::scheduler::{ONE_PROCESSOR, Scheduler};
use super::trust::Trust;
use crate::backend::{Backend, OtherSuites};
use crate::expect;
use crate::record::{Event, Outcome, RunEnd, RunVerdict, Timeline};
use crate::scenario::RunSpec;

/// Least time between two checks of a run for loads that have ended. A run with a thousand clients has thousands of
/// events per second, and each check looks at all clients.
const CHECK_APART: Duration = Duration::from_millis(20);
/// Events that wait to be processed; a worker that sends faster is slowed down by its pipe.
const EVENT_QUEUE: usize = 1024;

/// Options of a suite.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Maximum number of runs at once; if absent, as many as the machine can take.
    pub slots: Option<usize>,
    /// The place where runs execute.
    pub backend: Backend,
    /// Traces the kernel in every run. A capture asks for it too, if it is possible.
    pub trace: bool,
    /// Keeps the lab of every run after its end.
    pub hold: Option<Hold>,
    /// The pace of runs in virtual time, if somebody watches; runs are then traced if that is possible.
    pub pace: Option<Pace>,
    /// Executes every run twice to check that it is repeatable.
    pub verify: bool,
    /// The records to keep, and their folder.
    pub records: Records,
    /// For each file, the name of a subfolder for its records. Files beyond the end of the list have none.
    pub folders: Vec<String>,
    /// No run starts after this moment.
    pub until: Option<Instant>,
    /// The scenarios whose programs may run.
    pub trust: Trust,
    /// The captures to make, and their folder.
    pub captures: Captures,
    /// The order in which runs start.
    pub order: RunOrder,
    /// The number of retries of a run that does not pass.
    pub retries: u32,
    /// Starts no more runs after one that failed or errored.
    pub fail_fast: bool,
    /// Replaces the timeout of every run.
    pub timeout: Option<Duration>,
    /// The identity of the suite, which is written to the records.
    pub identity: Option<SuiteIdentity>,
    /// The number of repetitions of each run; 0 means 1.
    pub repeat: u32,
    /// Shares the machine with other suites of this user on it that do so too: its processors are divided evenly.
    pub shares_machine: bool,
}

/// Runs every run of every file and returns the results. The suite ends early, with the results so far, when `stop`
/// becomes true. Reports what happens to `emit`; scenarios end in the order in which they were given.
pub async fn run_suite(
    files: Vec<Arc<ScenarioFile>>,
    options: &Options,
    stop: watch::Receiver<bool>,
    mut emit: impl FnMut(SuiteEvent<'_>),
) -> SuiteResult {
    let began = Instant::now();
    let files = super::repeat::repeated(files, options.repeat);
    let runs: usize = files.iter().map(|file| file.scenario.runs.len()).sum();
    // A lone run starts at once on any machine, and the measurement takes a quarter as long as a short one.
    let speed = match runs {
        0 | 1 => 1.0,
        _ => options.backend.speed(),
    };
    let mut waiting = options.order.arrange(jobs(&files, options, speed));
    emit(SuiteEvent::Started {
        scenarios: files.len(),
        runs: waiting.len(),
    });
    let mut scheduler = Scheduler::new(options.backend.capacity(speed), options.slots);
    let in_real_time = options.backend.is_in_real_time();
    let other_suites = OtherSuites::join(options.shares_machine && in_real_time);
    let mut results = OrderedResults::new(files);
    let (events, mut inbox) = mpsc::channel(EVENT_QUEUE);
    let mut running = FuturesUnordered::new();
    let mut timelines: BTreeMap<usize, Timeline> = BTreeMap::new();
    let mut checked: BTreeMap<usize, Instant> = BTreeMap::new();
    let mut start_no_more = false;
    // The number of suites at the last check, and the time of the next.
    let (mut suites, mut next_check) = (1, None);
    // True if there may be room for more than at the last check.
    let mut room = true;
    let mut captured = BTreeMap::new();
    results.emit_ended(&mut emit);
    loop {
        start_no_more |= options.until.is_some_and(|until| Instant::now() >= until);
        if start_no_more || *stop.borrow() {
            // A run whose retry will not start keeps the result of its last attempt.
            for mut job in waiting.drain(..) {
                if let Some(result) = job.take_last() {
                    finish(job, result, &mut results, &mut emit);
                }
            }
        }
        scheduler.prolong(Instant::now());
        // Looking for other suites costs a read of every socket of the machine.
        if room && !waiting.is_empty() {
            let others = other_suites.count();
            if others != suites {
                suites = others;
                emit(SuiteEvent::MachineShared { suites });
            }
            scheduler.share_with(suites);
            next_check = (suites > 1).then(|| Instant::now() + OtherSuites::POLL_INTERVAL);
        }
        while room && !waiting.is_empty() {
            let Some(mut job) = next_job(&mut waiting, &mut scheduler, Instant::now()) else {
                break;
            };
            job.start();
            emit(SuiteEvent::RunStarted {
                key: job.key,
                spec: &job.spec,
            });
            timelines.insert(job.key, Timeline::default());
            let folder = options.folders.get(job.file).map(String::as_str);
            let records = options.records.below(folder);
            let target = RecordTarget {
                records: &records,
                file: results.file(job.file),
                suite: options
                    .identity
                    .as_ref()
                    .map(|suite| suite.recorded(options.repeat)),
                attempt: job.attempt(),
            };
            let recording = Recording::start(target, &job.spec);
            let capturing = Capturing::start(
                &options.captures,
                (&job.spec, job.attempt()),
                recording.path(),
                (job.key, &mut captured),
            );
            let programs = options.trust.covers(results.file(job.file));
            let (stop, events) = (stop.clone(), events.clone());
            running.push(async move {
                let run = (job.key, &job.spec, programs);
                let ended = execute(run, (recording, capturing), options, stop, events).await;
                (ended, job)
            });
        }
        room = false;
        if running.is_empty() {
            break;
        }
        let change = scheduler.next_change(Instant::now());
        let change = change
            .into_iter()
            .chain(next_check)
            .min()
            .filter(|_| !waiting.is_empty());
        tokio::select! {
            biased;
            Some((key, event)) = inbox.recv() => {
                add_event(key, event, &mut timelines, &mut emit);
                let now = Instant::now();
                let is_due = checked.get(&key).is_none_or(|last| now.duration_since(*last) >= CHECK_APART);
                if let Some(timeline) = timelines.get(&key).filter(|_| is_due) {
                    checked.insert(key, now);
                    let has_ended = |part: &PhaseOf| match part {
                        PhaseOf::Building => timeline.built.is_some(),
                        PhaseOf::Actor(actor) => timeline.has_ended(actor),
                    };
                    room |= scheduler.end(key, has_ended, now);
                }
            }
            Some((ended, mut job)) = running.next() => {
                // The poll that returned the end of a run may also have sent its last events.
                while let Ok((key, event)) = inbox.try_recv() {
                    add_event(key, event, &mut timelines, &mut emit);
                }
                scheduler.give_back(job.key);
                room = true;
                checked.remove(&job.key);
                let timeline = timelines.remove(&job.key).unwrap_or_default();
                let result = conclude(&job.spec, ended, timeline);
                let outcome = result.verdict.outcome;
                let retry_is_futile = is_futile(outcome, &job.spec, &result.timeline);
                let retry = if *stop.borrow() || retry_is_futile { None } else { job.retry_policy.after(outcome) };
                if let Some(retry) = retry {
                    let alone = retry == Retry::Alone;
                    emit(SuiteEvent::RunRetried { key: job.key, result: &result, alone });
                    job.retry(retry, result);
                    // A run that needs the machine to itself starts when all others have ended; it does not delay them.
                    if alone {
                        waiting.push_back(job);
                    } else {
                        waiting.push_front(job);
                    }
                } else {
                    let failed = matches!(outcome, Outcome::Failed | Outcome::Errored);
                    start_no_more |= options.fail_fast && failed;
                    finish(job, result, &mut results, &mut emit);
                }
            }
            // A load is expected to have ended while its run goes on.
            () = until(change) => room = true,
        }
    }
    let result = SuiteResult {
        took: began.elapsed(),
        interrupted: *stop.borrow(),
        ..results.finish(&mut emit)
    };
    emit(SuiteEvent::Ended(&result));
    result
}

/// Returns true if another attempt would end in the same way: the load is at a limit of its own, or time is virtual.
/// An error may be one of the machine outside.
fn is_futile(outcome: Outcome, spec: &RunSpec, timeline: &Timeline) -> bool {
    match outcome {
        Outcome::Inconclusive => {
            timeline.virtual_time().is_some() || expect::is_at_a_limit(spec, timeline)
        }
        Outcome::Failed => timeline.virtual_time().is_some(),
        Outcome::Passed
        | Outcome::Flaky
        | Outcome::Errored
        | Outcome::Skipped
        | Outcome::NotApplicable => false,
    }
}

/// Waits until a moment, or forever if there is none.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// Adds an event to its run's timeline.
fn add_event(
    key: usize,
    event: Event,
    timelines: &mut BTreeMap<usize, Timeline>,
    emit: &mut impl FnMut(SuiteEvent<'_>),
) {
    if let Some(timeline) = timelines.get_mut(&key) {
        timeline.add(event);
        emit(SuiteEvent::RunProgressed { key, timeline });
    }
}

/// Ends a job with this result.
fn finish(
    job: Job,
    result: RunResult,
    results: &mut OrderedResults,
    emit: &mut impl FnMut(SuiteEvent<'_>),
) {
    let (file, key) = (job.file, job.key);
    let result = job.finish(result);
    emit(SuiteEvent::RunEnded {
        key,
        result: &result,
    });
    results.add(file, key, result);
    results.emit_ended(emit);
}

fn jobs(files: &[Arc<ScenarioFile>], options: &Options, speed: f64) -> Vec<Job> {
    let history = History::from(&options.records, speed);
    let runs = files
        .iter()
        .enumerate()
        .flat_map(|(file, source)| source.scenario.runs.iter().map(move |spec| (file, spec)));
    let job = |(key, (file, spec)): (usize, (usize, &RunSpec))| {
        let estimate = match options.backend.share_of_each_run() {
            None => history.estimate(spec),
            Some(share) => (Demand::constant(share, ONE_PROCESSOR), expected(spec)),
        };
        let spec = RunSpec {
            timeout: options.timeout.unwrap_or(spec.timeout),
            ..spec.clone()
        };
        Job::new((key, file), spec, estimate, options.retries)
    };
    runs.enumerate().map(job).collect()
}

/// Takes the first job that fits; one that needs the whole machine waits until all others have ended.
fn next_job(waiting: &mut VecDeque<Job>, scheduler: &mut Scheduler, now: Instant) -> Option<Job> {
    let queue = waiting.iter().map(|job| (job.key, &job.demand));
    let at = scheduler.take_first(queue, now)?;
    waiting.remove(at)
}

/// Judges an attempt and finishes its record and capture.
fn conclude(spec: &RunSpec, ended: Execution, timeline: Timeline) -> RunResult {
    let Execution {
        took,
        last_words,
        failure,
        recording,
        capturing,
    } = ended;
    let mut result = judge(spec, timeline, took, last_words, failure);
    result.record = recording.end(&result);
    result.capture = capturing.end(&result.verdict, &result.timeline);
    result
}

fn judge(
    spec: &RunSpec,
    timeline: Timeline,
    took: Duration,
    last_words: Vec<String>,
    failure: Option<WorkerFailure>,
) -> RunResult {
    let verdict = match (&timeline.end, failure) {
        // A worker that sent its last event is trusted, however its process ended, unless it is not repeatable.
        (Some(_), Some(WorkerFailure::NotRepeatable(why))) => RunVerdict {
            outcome: Outcome::Errored,
            reason: Some(why),
            verdicts: Vec::new(),
        },
        (Some(_), _) | (None, None) => expect::judge(spec, &timeline),
        (None, Some(failure)) => RunVerdict {
            outcome: Outcome::Errored,
            reason: Some(failure.describe(spec, &timeline)),
            verdicts: Vec::new(),
        },
    };
    let last_words = match timeline.end {
        Some(RunEnd::Finished { .. } | RunEnd::NotApplicable(_)) => Vec::new(),
        Some(RunEnd::Errored(_)) | None => last_words,
    };
    RunResult {
        last_words,
        ..RunResult::new(spec.clone(), timeline, verdict, took)
    }
}
