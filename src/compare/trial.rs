//! Runs the sides of a comparison, round by round, so that whatever drifts on the machine drifts on all of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::comparison::{Comparison, FEWEST_RUNS};
use super::side::Side;
use crate::suite::{self, Options, RunResult, ScenarioFile, SuiteEvent};

/// How much is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Rounds: runs of each side.
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

/// Runs every side so often and compares. `slots` of the options bounds the runs at once; where absent, runs whose times matter go
/// one at a time and others as the machine carries.
pub async fn run(
    sides: Vec<Side>,
    effort: Effort,
    options: &Options,
    stop: watch::Receiver<bool>,
    mut tell: impl FnMut(SuiteEvent<'_>),
) -> Trial {
    let began = Instant::now();
    let options = Options {
        slots: options.slots.or_else(|| {
            let times = sides.iter().any(times_matter);
            times.then_some(1)
        }),
        ..options.clone()
    };
    let mut tried: Vec<Tried> = sides
        .into_iter()
        .map(|side| Tried {
            side,
            runs: Vec::new(),
        })
        .collect();
    let mut interrupted = false;
    let mut round = 0;
    while !interrupted && wants_more(round, effort, began.elapsed()) {
        // With a budget each round is waited for: it tells how long the next one takes.
        let rounds = match effort.budget {
            Some(_) => round..round + 1,
            None => 0..effort.rounds,
        };
        round = rounds.end;
        let order: Vec<usize> = rounds
            .clone()
            .flat_map(|round| turn(round, tried.len()))
            .collect();
        let files = rounds
            .flat_map(|round| turn(round, tried.len()).map(move |index| (round, index)))
            .map(|(round, index)| one_run(&tried[index].side, round))
            .collect();
        let result = suite::run_suite(files, &options, stop.clone(), &mut tell).await;
        interrupted = result.interrupted;
        for (index, scenario) in order.into_iter().zip(result.scenarios) {
            tried[index].runs.extend(scenario.runs.iter().cloned());
        }
    }
    let comparisons = match tried.split_first() {
        Some((first, others)) => others
            .iter()
            .map(|other| Comparison::of(&first.runs, &other.runs, effort.threshold))
            .collect(),
        None => Vec::new(),
    };
    Trial {
        sides: tried,
        comparisons,
        threshold: effort.threshold,
        took: began.elapsed(),
        interrupted,
    }
}

/// Whether another round fits.
fn wants_more(done: usize, effort: Effort, elapsed: Duration) -> bool {
    match effort.budget {
        None => done == 0,
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
fn one_run(side: &Side, round: usize) -> Arc<ScenarioFile> {
    let mut spec = side.spec.clone();
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

/// Whether the scenario is about times or speeds: then nothing else should run beside it.
fn times_matter(side: &Side) -> bool {
    let timed = |name: &str| name.ends_with(".latency") || name.ends_with(".throughput");
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
