//! Finds the line to blame if a whole file hurts: by its own result, or by leaving out one line after the other.

use super::AdviceRequest;
use super::advice::Experiment;
use super::deadline::Deadline;
use super::grouping::TrialGroup;
use super::prepare::PreparedComparison;
use super::trial::run_groups;
use crate::compare::{Conclusion, Side};
use crate::suite::SuiteEvent;

/// Lines that are left out in turn; each side of a comparison has a letter, and the whole file is the first.
const MOST_LINES: usize = 25;

/// Returns the positions of the lines to blame for the whole file hurting in one of these experiments. Empty if the
/// file does not hurt, or if no single line is to blame.
pub(super) async fn blame(
    prepared: &[PreparedComparison],
    experiments: &[(usize, Experiment)],
    request: &AdviceRequest,
    deadline: &Deadline,
    on_event: impl FnMut(SuiteEvent<'_>),
) -> Vec<usize> {
    let hurts = |each: &Experiment| each.answer() == Conclusion::Hurts;
    let mut whole = experiments
        .iter()
        .filter(|(_, each)| each.lines.len() > 1 && hurts(each));
    let Some((position, file)) = whole.next() else {
        return Vec::new();
    };
    // The scenario's own variant, with one line at a time, has been run already.
    let alone = experiments.iter().filter(|(_, each)| {
        hurts(each)
            && each.lines.len() == 1
            && each.scenario == file.scenario
            && each.variant == file.variant
    });
    let known: Vec<usize> = alone.flat_map(|(_, each)| each.lines.clone()).collect();
    if !known.is_empty() {
        return known;
    }
    left_out(&prepared[*position], request, deadline, on_event).await
}

/// Runs the whole file without one line after the other, and returns the lines without which it is better.
async fn left_out(
    prepared: &PreparedComparison,
    request: &AdviceRequest,
    deadline: &Deadline,
    mut on_event: impl FnMut(SuiteEvent<'_>),
) -> Vec<usize> {
    let [without, with] = &prepared.sides[..] else {
        return Vec::new();
    };
    let lines: Vec<usize> = prepared
        .planned
        .lines
        .iter()
        .take(MOST_LINES)
        .copied()
        .collect();
    let letters = 'b'..='z';
    let others = lines.iter().zip(letters).map(|(line, letter)| {
        let keys = prepared.planned.keys_of(*line);
        Side {
            letter,
            ..left_out_of(with, without, &keys)
        }
    });
    let first = Side {
        letter: 'a',
        ..with.clone()
    };
    let group = TrialGroup {
        number: BLAME,
        members: Vec::new(),
        sides: [first].into_iter().chain(others).collect(),
    };
    let trials = run_groups(&[group], request, deadline, |_, event| on_event(event)).await;
    let Some(trial) = trials.first() else {
        return Vec::new();
    };
    let better = lines.iter().zip(&trial.comparisons);
    better
        .filter(|(_, comparison)| comparison.answer == Conclusion::Helps)
        .map(|(line, _)| *line)
        .collect()
}

/// The number of the folder for the records.
const BLAME: usize = 999;

/// Returns a side in which these keys have the values of another side.
fn left_out_of(side: &Side, other: &Side, keys: &[String]) -> Side {
    let mut left = side.clone();
    for (name, node) in &mut left.spec.topology.nodes {
        let Some(own) = other.spec.topology.nodes.get(name) else {
            continue;
        };
        for sysctl in &mut node.sysctls {
            let of_other = own.sysctls.iter().find(|each| each.key == sysctl.key);
            if let (true, Some(of_other)) = (keys.contains(&sysctl.key), of_other) {
                sysctl.value.clone_from(&of_other.value);
            }
        }
    }
    left
}
