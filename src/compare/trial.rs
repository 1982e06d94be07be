//! Runs the sides of a comparison, round by round, so that whatever drifts on the machine drifts on all of them.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::comparison::{Comparison, FEWEST_RUNS};
use super::side::Side;
use crate::record::RunEnd;
use crate::suite::{self, Options, RunResult, ScenarioFile, SuiteEvent};

/// How much is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Rounds: runs of each side; [`run`](fn@run) does with [`FEWEST_RUNS`] where those are certain.
    pub rounds: usize,
    /// In place of a number: as many rounds as fit into this, at least [`FEWEST_RUNS`].
    pub budget: Option<Duration>,
    /// The share from which on a difference matters.
    pub threshold: f64,
}

/// One side after its runs.
#[derive(Debug, Clone)]
pub struct Tried {
    /// The side.
    pub side: Side,
    /// Its runs, in their order.
    pub runs: Vec<RunResult>,
}

/// A comparison that was made.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Every side; the first is what the others are compared with.
    pub sides: Vec<Tried>,
    /// Each other side's comparison with the first, in their order.
    pub comparisons: Vec<Comparison>,
    /// The share from which on a difference matters.
    pub threshold: f64,
    /// From start to end.
    pub took: Duration,
    /// Whether it was interrupted before its end.
    pub interrupted: bool,
}

/// Runs every side so often and compares. Where times matter, each run has the machine to itself; others go at once as it carries,
/// at most as many as `slots` of the options.
pub async fn run(
    sides: Vec<Side>,
    effort: Effort,
    options: &Options,
    stop: watch::Receiver<bool>,
    mut tell: impl FnMut(SuiteEvent<'_>),
) -> Trial {
    let began = Instant::now();
    let mut all = [untried(sides)];
    let mut interrupted = false;
    let mut round = 0;
    while !interrupted && wants_more(round, effort, began.elapsed()) {
        // With a budget each round is waited for: it tells how long the next one takes.
        let rounds = match effort.budget {
            Some(_) => round..round + 1,
            None if round == 0 => 0..effort.rounds.min(FEWEST_RUNS),
            None => round..effort.rounds,
        };
        round = rounds.end;
        let told = |_, event: SuiteEvent<'_>| tell(event);
        interrupted = further(&mut all, rounds, options, stop.clone(), told).await;
        let looked = effort.looks() > 1 && round < effort.rounds;
        if looked && compared(&all[0], effort).iter().all(Comparison::is_certain) {
            break;
        }
    }
    let [tried] = all;
    Trial::of(tried, effort, began.elapsed(), interrupted)
}

/// Makes several comparisons side by side: what one waits for, another uses. `tell` also hears which of them a run is of.
pub async fn run_together(
    all: Vec<Vec<Side>>,
    effort: Effort,
    options: &Options,
    stop: watch::Receiver<bool>,
    tell: impl FnMut(Option<usize>, SuiteEvent<'_>),
) -> Vec<Trial> {
    let began = Instant::now();
    let mut all: Vec<Vec<Tried>> = all.into_iter().map(untried).collect();
    let interrupted = further(&mut all, 0..effort.rounds, options, stop, tell).await;
    let took = began.elapsed();
    all.into_iter()
        .map(|tried| Trial::of(tried, effort, took, interrupted))
        .collect()
}

/// Runs further rounds of each comparison, in turn. Gives whether it was interrupted.
async fn further(
    all: &mut [Vec<Tried>],
    rounds: Range<usize>,
    options: &Options,
    stop: watch::Receiver<bool>,
    mut tell: impl FnMut(Option<usize>, SuiteEvent<'_>),
) -> bool {
    let mut places = Vec::new();
    let mut files = Vec::new();
    for (at, tried) in all.iter().enumerate() {
        let alone = tried.iter().any(|each| times_matter(&each.side));
        for round in rounds.clone() {
            for index in turn(round, tried.len()) {
                places.push((at, index));
                files.push(one_run(&tried[index].side, round, alone));
            }
        }
    }
    let folders = |folder: &String, count: usize| vec![folder.clone(); count];
    let runs_of = |at: usize| places.iter().filter(|(of, _)| *of == at).count();
    let options = Options {
        folders: options
            .folders
            .iter()
            .enumerate()
            .flat_map(|(at, folder)| folders(folder, runs_of(at)))
            .collect(),
        ..options.clone()
    };
    let told = |event: SuiteEvent<'_>| tell(key(&event).map(|key| places[key].0), event);
    let result = suite::run_suite(files, &options, stop, told).await;
    for ((at, index), scenario) in places.into_iter().zip(result.scenarios) {
        all[at][index].runs.extend(scenario.runs.iter().cloned());
    }
    result.interrupted
}

fn untried(sides: Vec<Side>) -> Vec<Tried> {
    let each = sides.into_iter().map(|side| Tried {
        side,
        runs: Vec::new(),
    });
    each.collect()
}

/// The run that an event is about: its place among the runs of the suite.
fn key(event: &SuiteEvent<'_>) -> Option<usize> {
    match event {
        SuiteEvent::RunStarted { key, .. }
        | SuiteEvent::RunProgressed { key, .. }
        | SuiteEvent::RunRetried { key, .. }
        | SuiteEvent::RunEnded { key, .. } => Some(*key),
        SuiteEvent::Started { .. } | SuiteEvent::ScenarioEnded(_) | SuiteEvent::Ended(_) => None,
    }
}

fn compared(sides: &[Tried], effort: Effort) -> Vec<Comparison> {
    let Some((first, others)) = sides.split_first() else {
        return Vec::new();
    };
    let with_first = |other: &Tried| {
        Comparison::looked(&first.runs, &other.runs, effort.threshold, effort.looks())
    };
    others.iter().map(with_first).collect()
}

impl Effort {
    /// How often it is looked whether what there is will do.
    fn looks(self) -> usize {
        let early = self.budget.is_none() && self.rounds > FEWEST_RUNS;
        1 + usize::from(early)
    }
}

impl Trial {
    fn of(sides: Vec<Tried>, effort: Effort, took: Duration, interrupted: bool) -> Self {
        Self {
            comparisons: compared(&sides, effort),
            sides,
            threshold: effort.threshold,
            took,
            interrupted,
        }
    }

    /// Whether every side had so many runs, none of them broken off.
    pub fn is_complete(&self, rounds: usize) -> bool {
        let whole = |run: &RunResult| match &run.timeline.end {
            Some(RunEnd::Finished { interrupted, .. }) => !interrupted,
            Some(RunEnd::NotApplicable(_) | RunEnd::Errored(_)) => true,
            // Its worker died, by itself or by the interruption.
            None => !self.interrupted,
        };
        let each = |tried: &Tried| tried.runs.len() == rounds && tried.runs.iter().all(whole);
        self.sides.iter().all(each)
    }
}

/// Whether another round fits.
fn wants_more(done: usize, effort: Effort, elapsed: Duration) -> bool {
    match effort.budget {
        None => done < effort.rounds,
        Some(_) if done < FEWEST_RUNS => true,
        Some(budget) => {
            let done = u32::try_from(done).unwrap_or(u32::MAX);
            elapsed + elapsed / done <= budget
        }
    }
}

/// The order of a round: every other one is backwards, so that no side always comes first.
fn turn(round: usize, sides: usize) -> Box<dyn Iterator<Item = usize>> {
    if round.is_multiple_of(2) {
        Box::new(0..sides)
    } else {
        Box::new((0..sides).rev())
    }
}

/// A scenario of one run, which is told from the others by its set and its round.
fn one_run(side: &Side, round: usize, alone: bool) -> Arc<ScenarioFile> {
    let mut spec = side.spec.clone();
    spec.exclusive |= alone;
    spec.id
        .case
        .push(("set".to_owned(), side.letter.to_string()));
    spec.id
        .case
        .push(("round".to_owned(), (round + 1).to_string()));
    let mut file = ScenarioFile::clone(&side.file);
    file.scenario.runs = vec![spec];
    file.scenario.compare.clear();
    Arc::new(file)
}

/// Whether the scenario is about times, speeds or processor time: then nothing else should run beside it.
fn times_matter(side: &Side) -> bool {
    let ends = [".latency", ".throughput", ".cpu"];
    let timed = |name: &str| ends.iter().any(|end| name.ends_with(end));
    side.spec
        .watched
        .iter()
        .any(|series| timed(series.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_side_always_comes_first() {
        let order: Vec<usize> = (0..3).flat_map(|round| turn(round, 2)).collect();
        assert_eq!(order, [0, 1, 1, 0, 0, 1]);
    }

    #[test]
    fn a_budget_has_as_many_rounds_as_fit_and_never_too_few() {
        let effort = Effort {
            rounds: 5,
            budget: Some(Duration::from_secs(50)),
            threshold: 0.02,
        };
        let seconds = Duration::from_secs;
        assert!(wants_more(2, effort, seconds(1000)));
        assert!(wants_more(4, effort, seconds(40)));
        assert!(!wants_more(4, effort, seconds(41)));
        let counted = Effort {
            budget: None,
            ..effort
        };
        assert!(wants_more(0, counted, seconds(0)) && !wants_more(5, counted, seconds(0)));
    }
}
