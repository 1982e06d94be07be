//! Runs what was planned, one comparison after the other.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::watch;

use super::advice::Experiment;
use super::plan::Planned;
use crate::compare::{self, Effort, QuestionError, Side};
use crate::suite::{Options, Records, Source, SuiteEvent};

/// Longest part of a scenario's name in the name of a folder.
const LONGEST_STEM: usize = 80;

/// How much is run.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Runs of each side.
    pub rounds: usize,
    /// The share from which on a difference matters.
    pub threshold: f64,
    /// No comparison begins after this; those that did not begin are told.
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
    /// A comparison begins: its number from 1, of how many, and what it is.
    Begins(usize, usize, &'a Ready),
    /// Something happened in it.
    Suite(SuiteEvent<'a>),
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
    let began = Instant::now();
    let mut ran = Ran::default();
    let effort = Effort {
        rounds: bounds.rounds,
        budget: None,
        threshold: bounds.threshold,
    };
    for (index, each) in ready.iter().enumerate() {
        if bounds
            .budget
            .is_some_and(|budget| began.elapsed() >= budget)
        {
            ran.cut_short = Some("the time of --for was over");
            return ran;
        }
        tell(Progress::Begins(index + 1, ready.len(), each));
        let records = match &bounds.records {
            Some(folder) => Records::All(folder.join(folder_of(index, each))),
            None => Records::None,
        };
        let options = Options {
            slots,
            records,
            ..Options::default()
        };
        let sides = each.sides.clone();
        let told = |event: SuiteEvent<'_>| tell(Progress::Suite(event));
        let trial = compare::run(sides, effort, &options, stop.clone(), told).await;
        if trial.interrupted {
            ran.cut_short = Some("it was interrupted");
            return ran;
        }
        let (lines, fixed) = (each.planned.lines.clone(), each.planned.fixed.clone());
        if let Some(experiment) = Experiment::of(&trial, lines, fixed) {
            ran.experiments.push((index, experiment));
        }
    }
    ran
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
