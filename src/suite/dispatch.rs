//! Starts runs as the budget allows, gathers what they tell, judges them, tries again, keeps the order of the files.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::sync::watch;

use super::attempts::{self, Again, Patience};
use super::capturing::{Captures, Capturing};
use super::event::SuiteEvent;
use super::execute::{Ended, Lost, execute};
use super::gathered::Gathered;
use super::identity::SuiteIdentity;
use super::need::{Log, Need, expected};
use super::order::Order;
use super::recording::{Kept, Recording, Records};
use super::result::{Attempt, RunResult, ScenarioFile, SuiteResult};
use super::schedule::Budget;
use crate::backend::vm::Time;
use crate::backend::{Backend, Machine, Neighbours};
use crate::expect;
use crate::record::{Event, Outcome, RunEnd, RunVerdict, Timeline};
use crate::scenario::RunSpec;

/// Events that wait for the one who reads them; a worker that tells faster is held up by its pipe.
const WAITING_EVENTS: usize = 1024;
/// What is hard to place goes before all that takes less than this.
const HARD_TO_PLACE: Duration = Duration::from_secs(60);

/// How a suite is run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Most runs at once; what the machine carries where absent.
    pub slots: Option<usize>,
    /// Where runs execute.
    pub backend: Backend,
    /// Whether every run is done twice, to see that it is the same.
    pub verify: bool,
    /// Which records are kept, and where.
    pub records: Records,
    /// For the records of each file a folder below that, where there is a name for it.
    pub folders: Vec<String>,
    /// After this moment no run is begun.
    pub until: Option<Instant>,
    /// Which captures are made, and where they are kept.
    pub captures: Captures,
    /// In which order runs begin.
    pub order: Order,
    /// How often a run that does not pass is tried again.
    pub retries: u32,
    /// Whether no run is begun after one that failed or could not be asked.
    pub fail_fast: bool,
    /// After how long a run is killed, in place of its own timeout.
    pub timeout: Option<Duration>,
    /// What records say of the suite that they are of.
    pub identity: Option<SuiteIdentity>,
    /// How often each run is repeated; 0 is as 1.
    pub repeat: u32,
    /// Whether the machine is shared with other suites on it that do so too: its processors evenly, and what is exclusive is so for all.
    pub shares_machine: bool,
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
    let files = super::repeat::repeated(files, options.repeat);
    let mut waiting = options.order.arranged(jobs(&files, options));
    tell(SuiteEvent::Started {
        scenarios: files.len(),
        runs: waiting.len(),
    });
    let mut budget = Budget::new(Machine::here(), options.slots);
    // Virtual time is nobody else's.
    let in_real_time = match &options.backend {
        Backend::Host(_) => true,
        Backend::Vm(vm) => vm.time() == Time::Real,
    };
    let mut neighbours = Neighbours::join(options.shares_machine && in_real_time);
    let mut gathered = Gathered::new(files);
    let (events, mut inbox) = mpsc::channel(WAITING_EVENTS);
    let mut running = FuturesUnordered::new();
    let mut timelines: BTreeMap<usize, Timeline> = BTreeMap::new();
    let mut begin_no_more = false;
    // Whether another suite has the machine to itself, and when others are to be looked at again.
    let (mut kept_out, mut look) = (false, None);
    // Whether there may be room for more than when it was last looked.
    let mut room = true;
    let mut captured = BTreeMap::new();
    gathered.tell_ended(&mut tell);
    loop {
        begin_no_more |= options.until.is_some_and(|until| Instant::now() >= until);
        if begin_no_more || *stop.borrow() {
            // What was to be tried again has come to what its last attempt came to.
            for mut job in waiting.drain(..) {
                if let Some(result) = job.last.take() {
                    job.end(result, &mut gathered, &mut tell);
                }
            }
        }
        if room {
            let suites = neighbours.count();
            budget.share_with(suites);
            kept_out = false;
            // Nobody tells that another suite has ended.
            look = (suites > 1).then(|| Instant::now() + Neighbours::LOOK);
        }
        while room && !waiting.is_empty() {
            let Some(place) = neighbours.place() else {
                kept_out = true;
                look = Some(Instant::now() + Neighbours::LOOK);
                break;
            };
            let Some(mut job) = next_job(&mut waiting, &mut budget, Instant::now()) else {
                break;
            };
            job.begin();
            tell(SuiteEvent::RunStarted {
                key: job.key,
                spec: &job.spec,
            });
            timelines.insert(job.key, Timeline::default());
            let folder = options.folders.get(job.file).map(String::as_str);
            let records = options.records.below(folder);
            let kept = Kept {
                records: &records,
                file: gathered.file(job.file),
                suite: options
                    .identity
                    .as_ref()
                    .map(|suite| suite.recorded(options.repeat)),
                attempt: job.attempt(),
            };
            let recording = Recording::start(kept, &job.spec);
            let capturing = Capturing::start(
                &options.captures,
                (&job.spec, job.attempt()),
                recording.path(),
                (job.key, &mut captured),
            );
            let (mut stop, events) = (stop.clone(), events.clone());
            running.push(async move {
                if job.need.exclusive {
                    tokio::select! {
                        () = place.alone() => {}
                        _ = stop.wait_for(|stop| *stop) => {}
                    }
                }
                let run = (job.key, &job.spec);
                let how = (&options.backend, options.verify);
                let ended = execute(run, (recording, capturing), how, stop, events).await;
                drop(place);
                (ended, job)
            });
        }
        room = false;
        if running.is_empty() && (!kept_out || waiting.is_empty()) {
            break;
        }
        let change = budget.next_change(Instant::now());
        let change = change
            .into_iter()
            .chain(look)
            .min()
            .filter(|_| !waiting.is_empty());
        tokio::select! {
            biased;
            Some((key, event)) = inbox.recv() => {
                hear(key, event, &mut timelines, &mut tell);
                if let Some(timeline) = timelines.get(&key) {
                    room |= budget.end(key, |actor| timeline.has_ended(actor), Instant::now());
                }
            }
            Some((ended, mut job)) = running.next() => {
                // The poll that gave the end of a run may have sent its last events.
                while let Ok((key, event)) = inbox.try_recv() {
                    hear(key, event, &mut timelines, &mut tell);
                }
                budget.give_back(job.key);
                room = true;
                let timeline = timelines.remove(&job.key).unwrap_or_default();
                let result = conclude(&job.spec, ended, timeline);
                let outcome = result.verdict.outcome;
                let again = if *stop.borrow() { None } else { job.patience.again(outcome) };
                if let Some(again) = again {
                    let alone = again == Again::Alone;
                    tell(SuiteEvent::RunRetried { key: job.key, result: &result, alone });
                    job.again(again, result);
                    // What goes alone goes when all others have ended, and keeps nobody waiting.
                    if alone {
                        waiting.push_back(job);
                    } else {
                        waiting.push_front(job);
                    }
                } else {
                    let failed = matches!(outcome, Outcome::Failed | Outcome::Errored);
                    begin_no_more |= options.fail_fast && failed;
                    job.end(result, &mut gathered, &mut tell);
                }
            }
            // A load is taken to have ended, and its run goes on waiting.
            () = until(change) => room = true,
        }
    }
    let result = SuiteResult {
        took: began.elapsed(),
        interrupted: *stop.borrow(),
        ..gathered.finish(&mut tell)
    };
    tell(SuiteEvent::Ended(&result));
    result
}

/// Waits until a moment; for ever where there is none.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// Adds to a run's timeline what its worker tells.
fn hear(
    key: usize,
    event: Event,
    timelines: &mut BTreeMap<usize, Timeline>,
    tell: &mut impl FnMut(SuiteEvent<'_>),
) {
    if let Some(timeline) = timelines.get_mut(&key) {
        timeline.add(event);
        tell(SuiteEvent::RunTold { key, timeline });
    }
}

/// One run that waits for its turn.
#[derive(Debug)]
pub(super) struct Job {
    key: usize,
    file: usize,
    spec: RunSpec,
    need: Need,
    patience: Patience,
    /// Attempts before the last.
    earlier: Vec<Attempt>,
    /// What the last attempt came to, while another is to follow.
    last: Option<RunResult>,
    /// How long it is expected to take.
    expected: Duration,
}

impl Job {
    /// How early it is looked whether there is room for it: what takes long comes first, so that nothing of it is left over at the end.
    /// One that needs the kernel's log for itself has to wait for others, and finds less room the more of them have begun.
    pub(super) fn precedence(&self) -> Duration {
        match self.need.log {
            Log::Reads => self.expected + HARD_TO_PLACE,
            Log::No | Log::Fills => self.expected,
        }
    }

    /// Which attempt comes next, from 1.
    fn attempt(&self) -> u32 {
        u32::try_from(self.earlier.len() + 1).unwrap_or(u32::MAX)
    }

    fn again(&mut self, how: Again, last: RunResult) {
        self.last = Some(last);
        match how {
            Again::Alone => self.need = self.need.clone().alone(),
            Again::Same => {}
        }
    }

    /// Puts what the last attempt came to behind.
    fn begin(&mut self) {
        self.earlier
            .extend(self.last.take().map(|last| attempts::attempt(&last)));
    }

    fn end(
        self,
        result: RunResult,
        gathered: &mut Gathered,
        tell: &mut impl FnMut(SuiteEvent<'_>),
    ) {
        let result = attempts::after(self.earlier, result);
        tell(SuiteEvent::RunEnded {
            key: self.key,
            result: &result,
        });
        gathered.add(self.file, self.key, result);
        gathered.tell_ended(tell);
    }
}

fn jobs(files: &[Arc<ScenarioFile>], options: &Options) -> Vec<Job> {
    let learnt = super::learnt::Learnt::from(&options.records);
    let runs = files
        .iter()
        .enumerate()
        .flat_map(|(file, source)| source.scenario.runs.iter().map(move |spec| (file, spec)));
    let job = |(key, (file, spec)): (usize, (usize, &RunSpec))| {
        let (need, expected) = match &options.backend {
            Backend::Host(_) => learnt.need(spec),
            Backend::Vm(_) => (Need::of_guest(), expected(spec)),
        };
        Job {
            key,
            file,
            spec: RunSpec {
                timeout: options.timeout.unwrap_or(spec.timeout),
                ..spec.clone()
            },
            need,
            patience: Patience::new(options.retries),
            earlier: Vec::new(),
            last: None,
            expected,
        }
    };
    runs.enumerate().map(job).collect()
}

/// The first that fits: one that needs the whole machine waits until all others are done.
fn next_job(waiting: &mut VecDeque<Job>, budget: &mut Budget, now: Instant) -> Option<Job> {
    let fits = |job: &Job| budget.take(job.key, &job.need, now);
    let at = waiting.iter().position(fits)?;
    waiting.remove(at)
}

/// What an attempt came to, with where it is kept.
fn conclude(spec: &RunSpec, ended: Ended, timeline: Timeline) -> RunResult {
    let Ended {
        took,
        last_words,
        lost,
        recording,
        capturing,
    } = ended;
    let mut result = judge(spec, timeline, took, last_words, lost);
    result.record = recording.end(&result);
    result.capture = capturing.end(&result.verdict);
    result
}

fn judge(
    spec: &RunSpec,
    timeline: Timeline,
    took: Duration,
    last_words: Vec<String>,
    lost: Option<Lost>,
) -> RunResult {
    let verdict = match (&timeline.end, lost) {
        // A worker that told its end is believed, however its process ended, unless it tells something else each time.
        (Some(_), Some(Lost::Unrepeatable(why))) => RunVerdict {
            outcome: Outcome::Errored,
            reason: Some(why),
            verdicts: Vec::new(),
        },
        (Some(_), _) | (None, None) => expect::judge(spec, &timeline),
        (None, Some(lost)) => RunVerdict {
            outcome: Outcome::Errored,
            reason: Some(lost.told(spec, &timeline)),
            verdicts: Vec::new(),
        },
    };
    let last_words = match timeline.end {
        Some(RunEnd::Finished { .. } | RunEnd::NotApplicable(_)) => Vec::new(),
        Some(RunEnd::Errored(_)) | None => last_words,
    };
    RunResult {
        spec: spec.clone(),
        timeline,
        verdict,
        took,
        last_words,
        record: Ok(None),
        capture: Ok(None),
        earlier: Vec::new(),
    }
}
