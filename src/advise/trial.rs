//! Runs the planned comparisons, as many at once as the machine can take.

use std::time::Duration;

use super::AdviceRequest;
use super::advice::{Advice, Experiment, LineAdvice};
use super::curve::EffectCurve;
use super::deadline::Deadline;
use super::grouping::{TrialGroup, groups};
use super::prepare::PreparedComparison;
use crate::compare::{self, Trial, TrialOptions};
use crate::suite::{Options, Records, RunOrder, SuiteEvent};

/// Longest part of a scenario's name in the name of a folder.
const LONGEST_STEM: usize = 80;

/// An event while advice is prepared.
#[derive(Debug)]
pub(crate) enum AdviceProgress<'a> {
    /// Emitted once, before the first run.
    Planned {
        /// Comparisons that are about to run.
        comparisons: usize,
        /// Comparisons whose results are known from before.
        known: usize,
        /// The estimated time.
        estimate: Duration,
    },
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
    pub(super) experiments: Vec<(usize, Experiment)>,
    /// The reason why not all were completed.
    pub(super) cut_short: Option<&'static str>,
}

/// Runs comparisons of which none is known yet. Comparisons with the same first side share its runs.
pub(super) async fn run(
    prepared: &[PreparedComparison],
    positions: &[usize],
    request: &AdviceRequest,
    deadline: &Deadline,
    mut on_progress: impl FnMut(AdviceProgress<'_>),
) -> TrialResults {
    let groups = groups(prepared, positions, request.budget.is_some());
    let mut left: Vec<usize> = groups
        .iter()
        .map(|group| group.sides.len() * request.rounds)
        .collect();
    let mut done = 0;
    let on_event = |of: Option<usize>, event: SuiteEvent<'_>| {
        let ended = of.filter(|_| matches!(event, SuiteEvent::RunEnded { .. }));
        on_progress(AdviceProgress::Suite(event));
        let Some(index) = ended else { return };
        // Further attempts at a run come after all runs of the comparison.
        if left[index] == 0 {
            return;
        }
        left[index] -= 1;
        if left[index] == 0 {
            for member in &groups[index].members {
                done += 1;
                on_progress(AdviceProgress::Compared {
                    done,
                    of: positions.len(),
                    comparison: &prepared[*member],
                });
            }
        }
    };
    let trials = run_groups(&groups, request, true, deadline, on_event).await;
    let complete = |trial: &Trial| trial.is_complete(request.rounds);
    let mut experiments = Vec::new();
    for (group, trial) in groups.iter().zip(&trials) {
        let Some(first) = trial.sides.first() else {
            continue;
        };
        let others = trial.sides.iter().skip(1).zip(&trial.comparisons);
        for (member, (side, comparison)) in group.members.iter().zip(others) {
            let whole =
                |side: &compare::SideRuns| side.is_complete(request.rounds, trial.interrupted);
            if whole(first) && whole(side) {
                let experiment =
                    Experiment::of(comparison.clone(), &[first, side], &prepared[*member]);
                experiments.push((*member, experiment));
            }
        }
    }
    TrialResults {
        cut_short: match trials.iter().all(complete) {
            true => None,
            false if deadline.has_passed() && request.budget.is_some() => {
                Some("the time limit of --for was reached")
            }
            false if deadline.has_passed() => Some(
                "the machine was too busy: the runs took much longer than estimated; --for sets another limit",
            ),
            false => Some("interrupted"),
        },
        experiments,
    }
}

/// Runs groups of sides, each of which is compared with the first of its group. With `extends`, comparisons that are
/// too noisy to tell get as many runs again.
pub(super) async fn run_groups(
    groups: &[TrialGroup],
    request: &AdviceRequest,
    extends: bool,
    deadline: &Deadline,
    on_event: impl FnMut(Option<usize>, SuiteEvent<'_>),
) -> Vec<Trial> {
    let effort = TrialOptions {
        rounds: request.rounds,
        budget: None,
        threshold: request.threshold,
        extends,
    };
    let options = Options {
        slots: request.slots,
        records: request.records.clone().map_or(Records::None, Records::All),
        folders: groups.iter().map(folder_of).collect(),
        until: Some(deadline.at()),
        // If there may not be time for all comparisons, the first ones should be complete.
        order: match request.budget {
            Some(_) => RunOrder::File,
            None => RunOrder::LongestFirst,
        },
        trust: request.trust,
        shares_machine: true,
        ..request.place.clone()
    };
    let sides = groups.iter().map(|group| group.sides.clone()).collect();
    compare::run_together(sides, effort, &options, deadline.stop(), on_event).await
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
        let mut points = Vec::new();
        for (index, experiment) in self.experiments {
            let of = &prepared[index];
            match experiment.lines[..] {
                [line] if let Some((_, at)) = &of.planned.point => {
                    points.push((line, at.clone(), experiment));
                }
                [line] => lines[line].experiments.push(Experiment {
                    curve: of.begin_curve(&experiment.comparison),
                    ..experiment
                }),
                _ => together.push(experiment),
            }
        }
        for (line, at, experiment) in points {
            let of = lines[line].experiments.iter_mut().find(|each| {
                each.scenario == experiment.scenario && each.variant == experiment.variant
            });
            if let Some(curve) = of.and_then(|each| each.curve.as_mut()) {
                curve.add(&at, &experiment.comparison);
            }
        }
        for each in lines.iter_mut().flat_map(|line| &mut line.experiments) {
            each.curve = each.curve.take().filter(EffectCurve::has_several_points);
        }
        for (index, each) in prepared.iter().enumerate() {
            if each.planned.point.is_some() {
                continue;
            }
            if let (false, Some(reason), [line]) = (
                done.contains(&index),
                self.cut_short,
                &each.planned.lines[..],
            ) {
                lines[*line].not_run.push((each.label().to_owned(), reason));
                lines[*line].cut_short = true;
            }
        }
        Advice {
            sources,
            reference,
            kernel: None,
            lines,
            together,
            blame: None,
            took,
            cut_short: self.cut_short,
        }
    }
}

/// Returns a folder for the records of one group, such as `003-exhaustion`.
fn folder_of(group: &TrialGroup) -> String {
    let name = group
        .sides
        .first()
        .map_or("", |side| side.spec.id.scenario.as_str());
    let stem: String = name.chars().take(LONGEST_STEM).collect();
    format!("{:03}-{stem}", group.number)
}
