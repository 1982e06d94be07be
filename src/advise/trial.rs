//! Runs what was planned: comparisons side by side, as the machine carries.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::watch;

use super::advice::Experiment;
use super::plan::Planned;
use crate::compare::{self, Effort, QuestionError, Side, Trial};
use crate::suite::{Options, Records, RunOrder, Source, SuiteEvent};

/// Longest part of a scenario's name in the name of a folder.
const LONGEST_STEM: usize = 80;

/// How much is run.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Runs of each side.
    pub rounds: usize,
    /// The share from which on a difference matters.
    pub threshold: f64,
    /// No run begins after this; comparisons that then lack runs are told.
    pub budget: Option<Duration>,
    /// Where records are kept, where they are.
    pub records: Option<PathBuf>,
}

/// A comparison that is about to be made.
#[derive(Debug)]
pub struct Ready {
    /// What was planned.
    pub planned: Planned,
    /// Its sides.
    pub sides: Vec<Side>,
}

/// Why a comparison cannot be made.
#[derive(Debug, Error)]
#[error("cannot run {scenario} with the line's value")]
pub struct ReadyError {
    /// The scenario.
    pub scenario: String,
    /// Why.
    #[source]
    pub source: QuestionError,
}

impl Ready {
    /// Makes the sides of what was planned.
    ///
    /// # Errors
    /// Where the scenario cannot be run so.
    pub fn of(planned: Planned, sources: &[Source]) -> Result<Self, ReadyError> {
        let source = &sources[planned.scenario];
        let sides = planned.question.sides(source).map_err(|error| ReadyError {
            scenario: source.label.clone(),
            source: error,
        })?;
        Ok(Self { planned, sides })
    }

    /// About how long it takes if every round takes its turn: a run's own time limit is twice what it needs, and a minute
    /// (`timeout`, where the scenario does not say so itself).
    pub fn takes(&self, rounds: usize) -> Duration {
        /// What a time limit has on top.
        const MINUTE: Duration = Duration::from_secs(60);
        let of_run = |side: &Side| {
            let limit = side.spec.timeout;
            limit.checked_sub(MINUTE).map_or(limit, |twice| twice / 2)
        };
        let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
        self.sides.iter().map(of_run).sum::<Duration>() * rounds
    }
}

/// What is told while it runs.
#[derive(Debug)]
pub enum Progress<'a> {
    /// Something happened in one of the comparisons.
    Suite(SuiteEvent<'a>),
    /// A comparison has all its runs.
    Made {
        /// How many have by now.
        made: usize,
        /// Of how many.
        of: usize,
        /// Which.
        ready: &'a Ready,
    },
}

/// What came of running.
#[derive(Debug, Default)]
pub struct Ran {
    /// Each comparison, with its position among those that were ready.
    pub experiments: Vec<(usize, Experiment)>,
    /// Why not all were made.
    pub cut_short: Option<&'static str>,
}

/// Makes every comparison.
pub async fn run(
    ready: &[Ready],
    bounds: &Bounds,
    slots: Option<usize>,
    stop: watch::Receiver<bool>,
    mut tell: impl FnMut(Progress<'_>),
) -> Ran {
    let effort = Effort {
        rounds: bounds.rounds,
        budget: None,
        threshold: bounds.threshold,
    };
    let folders = ready.iter().enumerate();
    let options = Options {
        slots,
        records: bounds.records.clone().map_or(Records::None, Records::All),
        folders: folders
            .map(|(index, each)| folder_of(index, each))
            .collect(),
        until: bounds.budget.map(|budget| Instant::now() + budget),
        // Where there may be no time for all, the first shall be made whole.
        order: match bounds.budget {
            Some(_) => RunOrder::File,
            None => RunOrder::LongestFirst,
        },
        shares_machine: true,
        ..Options::default()
    };
    let runs = |each: &Ready| each.sides.len() * bounds.rounds;
    let mut left: Vec<usize> = ready.iter().map(runs).collect();
    let mut made = 0;
    let told = |of: Option<usize>, event: SuiteEvent<'_>| {
        let ended = of.filter(|_| matches!(event, SuiteEvent::RunEnded { .. }));
        tell(Progress::Suite(event));
        let Some(index) = ended else { return };
        left[index] -= 1;
        if left[index] == 0 {
            made += 1;
            let (of, ready) = (ready.len(), &ready[index]);
            tell(Progress::Made { made, of, ready });
        }
    };
    let sides = ready.iter().map(|each| each.sides.clone()).collect();
    let trials = compare::run_together(sides, effort, &options, stop, told).await;
    let whole = |trial: &Trial| trial.is_complete(bounds.rounds);
    let experiments = ready.iter().zip(&trials).enumerate();
    let experiments = experiments.filter(|(_, (_, trial))| whole(trial));
    Ran {
        cut_short: match trials.iter().find(|trial| !whole(trial)) {
            Some(trial) if trial.interrupted => Some("it was interrupted"),
            Some(_) => Some("the time of --for was over"),
            None => None,
        },
        experiments: experiments
            .filter_map(|(index, (each, trial))| {
                let (lines, fixed) = (each.planned.lines.clone(), each.planned.fixed.clone());
                Some((index, Experiment::of(trial, lines, fixed)?))
            })
            .collect(),
    }
}

/// `003-exhaustion`: comparisons of one scenario do not share a folder.
fn folder_of(index: usize, ready: &Ready) -> String {
    let name = ready
        .sides
        .first()
        .map_or("", |side| side.spec.id.scenario.as_str());
    let stem: String = name.chars().take(LONGEST_STEM).collect();
    format!("{:03}-{stem}", index + 1)
}
