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
/// file does not hurt, or if no single line is to blame; `None` if not every line could be left out in turn.
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

/// Runs the whole file without one line after the other, and returns the lines without which it is better. `None` if
/// not all of these runs were made.
async fn left_out(
    prepared: &PreparedComparison,
    request: &AdviceRequest,
    deadline: &Deadline,
    mut on_event: impl FnMut(SuiteEvent<'_>),
) -> Option<Vec<usize>> {
    let [without, with] = &prepared.sides[..] else {
        return None;
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
    let trial = trials
        .first()
        .filter(|trial| trial.is_complete(request.rounds))?;
    let better = lines.iter().zip(&trial.comparisons);
    let found: Vec<usize> = better
        .filter(|(_, comparison)| comparison.answer == Conclusion::Helps)
        .map(|(line, _)| *line)
        .collect();
    let all_were_tried = lines.len() == prepared.planned.lines.len();
    (all_were_tried || !found.is_empty()).then_some(found)
}

/// The number of the folder for the records.
const BLAME: usize = 999;

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
