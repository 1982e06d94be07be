//! Finds the line to blame if a whole file hurts: by its own result, or by leaving out lines in turn.

use super::AdviceRequest;
use super::advice::Experiment;
use super::deadline::Deadline;
use super::grouping::TrialGroup;
use super::prepare::PreparedComparison;
use super::trial::run_groups;
use crate::compare::{Conclusion, Side};
use crate::suite::SuiteEvent;

/// Returns the positions of the lines to blame for the whole file hurting in one of these experiments. Empty if the
/// file does not hurt, or if no single line is to blame; `None` if the search was not completed.
pub(super) async fn blame(
    prepared: &[PreparedComparison],
    experiments: &[(usize, Experiment)],
    request: &AdviceRequest,
    deadline: &Deadline,
    on_event: impl FnMut(SuiteEvent<'_>),
) -> Option<Vec<usize>> {
    let hurts = |each: &Experiment| each.answer() == Conclusion::Hurts;
    let mut whole = experiments
        .iter()
        .filter(|(_, each)| each.lines.len() > 1 && hurts(each));
    let Some((position, file)) = whole.next() else {
        return Some(Vec::new());
    };
    // The scenario's own variant, with one line at a time, has been run already.
    let alone = experiments
        .iter()
        .filter(|(_, each)| each.lines.len() == 1 && each.is_worse_as(file));
    let known: Vec<usize> = alone.flat_map(|(_, each)| each.lines.clone()).collect();
    if !known.is_empty() {
        return Some(known);
    }
    left_out(&prepared[*position], request, deadline, on_event).await
}

/// Leaves out parts of the file in turn, then each line of the parts without which it is better, and returns the lines
/// without which it is better. `None` if not all of these runs were made.
async fn left_out(
    prepared: &PreparedComparison,
    request: &AdviceRequest,
    deadline: &Deadline,
    mut on_event: impl FnMut(SuiteEvent<'_>),
) -> Option<Vec<usize>> {
    let lines = &prepared.planned.lines;
    let mut suspects = lines.clone();
    if lines.len() > FEW_LINES {
        let length = lines.len().isqrt().max(lines.len().div_ceil(MOST_PARTS));
        let parts = in_parts(lines, length);
        let folder = PARTS_FOLDER;
        suspects =
            better_without(prepared, &parts, folder, request, deadline, &mut on_event).await?;
    }
    if suspects.len() > MOST_PARTS {
        return None;
    }
    let lines = in_parts(&suspects, 1);
    let folder = LINES_FOLDER;
    better_without(prepared, &lines, folder, request, deadline, &mut on_event).await
}

/// Up to this many lines, each is left out at once: to leave out parts first would take as many runs.
const FEW_LINES: usize = 6;

/// Parts that are left out in turn; each side of a comparison has a letter, and the whole file is the first.
const MOST_PARTS: usize = 25;

fn in_parts(lines: &[usize], length: usize) -> Vec<Vec<usize>> {
    lines.chunks(length).map(<[usize]>::to_vec).collect()
}

/// Runs the whole file without each of these parts, and returns the lines of those without which it is better. `None`
/// if not all of these runs were made.
async fn better_without(
    prepared: &PreparedComparison,
    parts: &[Vec<usize>],
    folder: usize,
    request: &AdviceRequest,
    deadline: &Deadline,
    on_event: &mut impl FnMut(SuiteEvent<'_>),
) -> Option<Vec<usize>> {
    if parts.is_empty() {
        return Some(Vec::new());
    }
    let [without, with] = &prepared.sides[..] else {
        return None;
    };
    let others = parts.iter().zip('b'..='z').map(|(part, letter)| {
        let keys: Vec<String> = (part.iter())
            .flat_map(|line| prepared.planned.keys_of(*line))
            .collect();
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
        number: folder,
        members: Vec::new(),
        sides: [first].into_iter().chain(others).collect(),
    };
    let trials = run_groups(&[group], request, false, deadline, |_, event| {
        on_event(event)
    })
    .await;
    let trial = trials
        .first()
        .filter(|trial| trial.is_complete(request.rounds))?;
    let tried = parts.iter().zip(&trial.comparisons);
    let better = tried.filter(|(_, comparison)| comparison.answer == Conclusion::Helps);
    Some(better.flat_map(|(part, _)| part.clone()).collect())
}

/// The numbers of the folders for the records.
const PARTS_FOLDER: usize = 998;
const LINES_FOLDER: usize = 999;

/// Returns a side in which these keys have the values of another side.
fn left_out_of(side: &Side, other: &Side, keys: &[String]) -> Side {
    let mut left = side.clone();
    for (key, value) in &mut left.spec.kernel_sysctls {
        let of_other = other.spec.kernel_sysctls.get(key);
        if let (true, Some(of_other)) = (keys.contains(key), of_other) {
            value.clone_from(of_other);
        }
    }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::compare::{Question, SetOption};
    use crate::suite::ScenarioSource;

    #[test]
    fn a_line_that_is_left_out_has_the_other_sides_value_on_nodes_and_in_the_kernel() {
        let source = ScenarioSource {
            label: "a.yaml".to_owned(),
            text: "nodes: { client: {}, server: {} }\nlinks: [ { between: [client, server] } ]\n"
                .to_owned(),
        };
        let set = |pairs: [(&str, &str); 3]| {
            let each = pairs.map(|(key, value)| SetOption::Sysctl {
                node: None,
                key: key.to_owned(),
                value: value.to_owned(),
            });
            each.to_vec()
        };
        let keys = [
            "net.core.somaxconn",
            "net.ipv4.tcp_max_orphans",
            "net.ipv4.tcp_sack",
        ];
        let question = Question {
            of_kernel: vec![keys[1].to_owned()],
            variant: None,
            set: BTreeMap::new(),
            without: Vec::new(),
            sides: vec![
                set([(keys[0], "1"), (keys[1], "2"), (keys[2], "0")]),
                set([(keys[0], "10"), (keys[1], "20"), (keys[2], "1")]),
            ],
        };
        let sides = question.sides(&source).unwrap();
        for (key, value) in [(keys[0], "1"), (keys[1], "2")] {
            let left = left_out_of(&sides[1], &sides[0], &[key.to_owned()]);
            let mut expected = sides[1].spec.clone();
            match expected.kernel_sysctls.get_mut(key) {
                Some(own) => value.clone_into(own),
                None => {
                    let nodes = expected.topology.nodes.values_mut();
                    for sysctl in nodes.flat_map(|node| &mut node.sysctls) {
                        if sysctl.key == key {
                            value.clone_into(&mut sysctl.value);
                        }
                    }
                }
            }
            assert_ne!(left.spec, sides[1].spec, "{key}");
            assert_eq!(left.spec, expected, "{key}");
        }
    }
}
