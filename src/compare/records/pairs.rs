//! Matches the runs of two suites.

use std::collections::BTreeMap;

use super::{Pair, VerdictChange, verdicts};
use crate::record::Verdict;
use crate::scenario::RunId;
use crate::suite::{RunResult, SuiteResult};

/// Runs in both suites, and runs in only one.
pub(super) struct Paired<'a> {
    pub(super) both: Vec<Pair<&'a RunResult>>,
    pub(super) only: Pair<Vec<RunId>>,
}

/// Matches runs by scenario, variant and case; repetitions in their order. If each suite has a single run, the same
/// scenario is enough.
pub(super) fn runs<'a>(suites: Pair<&'a SuiteResult>) -> Paired<'a> {
    let (a, mut b) = (all(suites.a), all(suites.b));
    let single = a.len() == 1 && b.len() == 1;
    let same = |a: &RunId, b: &RunId| {
        if single {
            a.scenario == b.scenario
        } else {
            a == b
        }
    };
    let (mut both, mut only_a) = (Vec::new(), Vec::new());
    for run in a {
        match b
            .iter()
            .position(|other| same(&run.spec.id, &other.spec.id))
        {
            Some(at) => both.push(Pair {
                a: run,
                b: b.remove(at),
            }),
            None => only_a.push(run.spec.id.clone()),
        }
    }
    Paired {
        both,
        only: Pair {
            a: only_a,
            b: b.iter().map(|run| run.spec.id.clone()).collect(),
        },
    }
}

fn all(suite: &SuiteResult) -> Vec<&RunResult> {
    suite
        .scenarios
        .iter()
        .flat_map(|scenario| &scenario.runs)
        .collect()
}

/// Returns the comparisons with a different outcome, of scenarios and cases that both suites have.
pub(super) fn comparisons(suites: Pair<&SuiteResult>) -> Vec<(RunId, VerdictChange)> {
    let (a, b) = (compared(suites.a), compared(suites.b));
    let mut found = Vec::new();
    for (id, of_a) in a {
        if let Some(of_b) = b.get(&id) {
            let (changed, _) = verdicts::changed(of_a, of_b);
            found.extend(changed.into_iter().map(|change| (id.clone(), change)));
        }
    }
    found
}

fn compared(suite: &SuiteResult) -> BTreeMap<RunId, &[Verdict]> {
    let cases = suite.scenarios.iter().flat_map(|scenario| {
        scenario.compare.iter().map(|case| {
            let id = RunId {
                scenario: scenario.file.scenario.name.clone(),
                variant: None,
                case: case.case.clone(),
                repetition: None,
            };
            (id, case.verdicts.as_slice())
        })
    });
    cases.collect()
}
