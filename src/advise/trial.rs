//! Runs the planned comparisons, as many at once as the machine can take.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::AdviceRequest;
use super::advice::{Advice, Experiment, LineAdvice};
use super::prepare::PreparedComparison;
use crate::compare::{self, Trial, TrialOptions};
use crate::suite::{Options, Records, RunOrder, SuiteEvent};

/// Longest part of a scenario's name in the name of a folder.
const LONGEST_STEM: usize = 80;

/// An event while advice is prepared.
#[derive(Debug)]
pub(crate) enum AdviceProgress<'a> {
    /// The comparisons that are about to run.
    Planned(&'a [PreparedComparison]),
    /// An event of a run.
    Suite(SuiteEvent<'a>),
    /// All runs of a comparison have ended.
    Compared {
        /// Number of comparisons that have ended so far.
        done: usize,
        /// Number of all comparisons.
        of: usize,
        comparison: &'a PreparedComparison,
    },
}

/// The results of all comparisons.
#[derive(Debug, Default)]
pub(super) struct TrialResults {
    /// Each completed comparison, with its position among the prepared ones.
    experiments: Vec<(usize, Experiment)>,
    /// The reason why not all were completed.
    cut_short: Option<&'static str>,
}
pub(super) async fn run(
    prepared: &[PreparedComparison],
    request: &AdviceRequest,
    stop: watch::Receiver<bool>,
    mut on_progress: impl FnMut(AdviceProgress<'_>),
) -> TrialResults {
    let effort = TrialOptions {
        rounds: request.rounds,
        budget: None,
        threshold: request.threshold,
    };
    let folders = prepared.iter().enumerate();
    let options = Options {
        slots: request.slots,
        records: request.records.clone().map_or(Records::None, Records::All),
        folders: folders
            .map(|(index, each)| folder_of(index, each))
            .collect(),
        until: request.budget.map(|budget| Instant::now() + budget),
        // If there may not be time for all comparisons, the first ones should be complete.
        order: match request.budget {
            Some(_) => RunOrder::File,
            None => RunOrder::LongestFirst,
        },
        shares_machine: true,
        ..Options::default()
    };
    let runs = |each: &PreparedComparison| each.sides.len() * request.rounds;
    let mut left: Vec<usize> = prepared.iter().map(runs).collect();
    let mut done = 0;
    let on_event = |of: Option<usize>, event: SuiteEvent<'_>| {
        let ended = of.filter(|_| matches!(event, SuiteEvent::RunEnded { .. }));
        on_progress(AdviceProgress::Suite(event));
        let Some(index) = ended else { return };
        left[index] -= 1;
        if left[index] == 0 {
            done += 1;
            on_progress(AdviceProgress::Compared {
                done,
                of: prepared.len(),
                comparison: &prepared[index],
            });
        }
    };
    let sides = prepared.iter().map(|each| each.sides.clone()).collect();
    let trials = compare::run_together(sides, effort, &options, stop, on_event).await;
    let complete = |trial: &Trial| trial.is_complete(request.rounds);
    let experiments = prepared.iter().zip(&trials).enumerate();
    let experiments = experiments.filter(|(_, (_, trial))| complete(trial));
    TrialResults {
        cut_short: match trials.iter().find(|trial| !complete(trial)) {
            Some(trial) if trial.interrupted => Some("interrupted"),
            Some(_) => Some("the time limit of --for was reached"),
            None => None,
        },
        experiments: experiments
            .filter_map(|(index, (each, trial))| {
                Some((index, Experiment::of(trial, &each.planned)?))
            })
            .collect(),
    }
}

impl TrialResults {
    /// Adds the results to the lines that they are about.
    pub(super) fn into_advice(
        self,
        sources: Vec<String>,
        reference: String,
        mut lines: Vec<LineAdvice>,
        prepared: &[PreparedComparison],
        took: Duration,
    ) -> Advice {
        let mut together = Vec::new();
        let done: Vec<usize> = self.experiments.iter().map(|(index, _)| *index).collect();
        for (_, experiment) in self.experiments {
            match experiment.lines[..] {
                [line] => lines[line].experiments.push(experiment),
                _ => together.push(experiment),
            }
        }
        for (index, each) in prepared.iter().enumerate() {
            if let (false, Some(reason), [line]) = (
                done.contains(&index),
                self.cut_short,
                &each.planned.lines[..],
            ) {
                let label = each.sides.first().map(|side| side.file.label.clone());
                lines[*line]
                    .not_run
                    .push((label.unwrap_or_default(), reason));
            }
        }
        Advice {
            sources,
            reference,
            lines,
            together,
            took,
            cut_short: self.cut_short,
        }
    }
}

/// Returns a folder for the records of one comparison, such as `003-exhaustion`.
fn folder_of(index: usize, prepared: &PreparedComparison) -> String {
    let name = prepared
        .sides
        .first()
        .map_or("", |side| side.spec.id.scenario.as_str());
    let stem: String = name.chars().take(LONGEST_STEM).collect();
    format!("{:03}-{stem}", index + 1)
}
