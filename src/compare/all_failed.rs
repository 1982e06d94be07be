//! Finds comparisons that show nothing because a client or a command failed on both sides although the scenario expects
//! it to work.

use super::comparison::{Comparison, Conclusion};
use super::trial::SideRuns;
use crate::record::Outcome;
use crate::scenario::workload::ClientSpec;
use crate::suite::RunResult;

/// Counts of a client's work.
const WORK: [&str; 3] = ["established", "completed", "answered"];

/// Replaces "no effect" by "not applicable" if a client or a command that should have worked failed on both sides.
pub(crate) fn without_work(comparison: Comparison, sides: &[&SideRuns]) -> Comparison {
    if comparison.answer != Conclusion::NoEffect {
        return comparison;
    }
    let runs = || sides.iter().flat_map(|side| &side.runs);
    let Some(first) = runs().next() else {
        return comparison;
    };
    let load = &first.spec.workload;
    let failed_client = (load.clients.iter())
        .find(|client| runs().all(|run| client_should_have_worked(run, client)))
        .map(|client| format!("every attempt of client `{}` failed", client.name));
    let failed_command = (load.commands.iter())
        .find(|command| {
            runs().all(|run| failed_expectation(run, &format!("{}.exit", command.name)))
        })
        .map(|command| format!("command `{}` failed", command.name));
    match failed_client.or(failed_command) {
        Some(failed) => Comparison {
            answer: Conclusion::NotApplicable,
            reason: Some(format!(
                "{failed} with both values, which the scenario does not expect"
            )),
            ..comparison
        },
        None => comparison,
    }
}

/// Returns true if every attempt of a client failed, and so did an expectation about it.
fn client_should_have_worked(run: &RunResult, client: &ClientSpec) -> bool {
    let last = |count: &str| {
        let series = run.timeline.series(&format!("{}.{count}", client.name));
        series.and_then(|series| series.last()).unwrap_or(0)
    };
    last("failed") > 0
        && WORK.iter().all(|count| last(count) == 0)
        && failed_expectation(run, &format!("{}.", client.name))
}

/// Returns true if an expectation about a metric that starts like this has failed.
fn failed_expectation(run: &RunResult, start: &str) -> bool {
    let is_about = |line: u32, column: u32| {
        let mut expectations = run.spec.expect.iter();
        let at = expectations.find(|each| (each.place.line, each.place.column) == (line, column));
        let metrics = at.map(|each| each.metrics()).unwrap_or_default();
        (metrics.iter()).any(|metric| metric.series.as_str().starts_with(start))
    };
    let mut failed = (run.verdict.verdicts.iter()).filter(|each| each.outcome == Outcome::Failed);
    failed.any(|each| is_about(each.line, each.column))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::compare::{Question, SetOption};
    use crate::expect;
    use crate::fixtures::TimelineBuilder;
    use crate::suite::ScenarioSource;

    /// Returns the answer of a comparison whose two runs have these last values.
    fn answer(expectation: &str, counts: [[(&str, i64); 2]; 2]) -> Conclusion {
        let source = ScenarioSource {
            label: "a.yaml".to_owned(),
            text: format!(
                "nodes: {{ client: {{}}, server: {{}} }}\nlinks: [ {{ between: [client, server] }} ]\n\
                 servers: {{ web: {{ node: server, port: 80 }} }}\n\
                 clients: {{ load: {{ node: client, to: web, connect: {{ rate: 20/s, count: 5 }} }} }}\n\
                 commands: {{ ping: {{ node: client, run: [ping] }} }}\n\
                 expect: [ {expectation} ]\n"
            ),
        };
        let side = |value: &str| {
            vec![SetOption::Sysctl {
                node: None,
                key: "net.ipv4.tcp_sack".to_owned(),
                value: value.to_owned(),
            }]
        };
        let question = Question {
            of_kernel: Vec::new(),
            variant: None,
            set: BTreeMap::new(),
            without: Vec::new(),
            sides: ["0", "1"].map(side).to_vec(),
        };
        let sides = question.sides(&source).unwrap().into_iter().zip(counts);
        let tried: Vec<SideRuns> = sides
            .map(|(side, counts)| {
                let mut timeline = TimelineBuilder::new();
                for (name, count) in counts {
                    timeline = match name {
                        "exit" => timeline.gauge("ping.exit", &[(10, count)]),
                        name => timeline.counter(&format!("load.{name}"), &[(0, 0), (10, count)]),
                    };
                }
                let (spec, timeline) = (side.spec.clone(), timeline.finished_at(100));
                let verdict = expect::judge(&spec, &timeline);
                SideRuns {
                    side,
                    runs: vec![RunResult::new(spec, timeline, verdict, Duration::ZERO)],
                }
            })
            .collect();
        let comparison = Comparison {
            answer: Conclusion::NoEffect,
            reason: None,
            effects: Vec::new(),
        };
        without_work(comparison, &Vec::from_iter(&tried)).answer
    }

    #[test]
    fn there_is_no_answer_if_a_command_that_should_work_does_not() {
        let [worked, failed] = [0, 2].map(|status| [("established", 5), ("exit", status)]);
        let should_work = "ping.exit == 0";
        assert_eq!(
            answer(should_work, [failed, failed]),
            Conclusion::NotApplicable
        );
        for sides in [[failed, worked], [worked, worked]] {
            assert_eq!(answer(should_work, sides), Conclusion::NoEffect);
        }
        assert_eq!(
            answer("ping.exit == 2", [failed, failed]),
            Conclusion::NoEffect
        );
    }

    #[test]
    fn there_is_no_answer_if_a_client_that_should_work_does_not() {
        let failed = [("established", 0), ("failed", 5)];
        let worked = [("established", 4), ("failed", 1)];
        let should_work = "load.established == 5";
        assert_eq!(
            answer(should_work, [failed, failed]),
            Conclusion::NotApplicable
        );
        assert_eq!(answer(should_work, [failed, worked]), Conclusion::NoEffect);
        assert_eq!(
            answer("load.failed == 5", [failed, failed]),
            Conclusion::NoEffect
        );
    }
}
