//! Checks the shipped scenarios for the things that their readers rely on.

use std::collections::BTreeMap;

#[test]
fn every_shipped_scenario_with_a_claim_says_whether_it_is_true() {
    let mut claims = 0;
    for source in nslab::suite::shipped() {
        let scenario =
            nslab::scenario::parse(&source.label, &source.text, &BTreeMap::new()).unwrap();
        if scenario.claim.is_some() {
            claims += 1;
            assert!(
                scenario.truth.is_some(),
                "{}: add `truth: true`, `false` or `partly` below its claim",
                source.label
            );
        }
    }
    assert!(claims > 0, "no shipped scenario has a claim");
}

/// A rule that fails for a value would leave the scenario at its own size without a word.
#[test]
fn every_sized_scenario_can_be_run_from_the_smallest_limit_to_the_largest() {
    let mut sized = 0;
    for source in nslab::suite::shipped() {
        let read = |set: &BTreeMap<String, String>| {
            nslab::scenario::parse(&source.label, &source.text, set)
                .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
        };
        let scenario = read(&BTreeMap::new());
        for exercise in scenario
            .exercises
            .iter()
            .filter(|each| !each.size.is_empty())
        {
            let mut runs = scenario.runs.iter();
            let run = runs.find(|run| run.id.variant == exercise.variant).unwrap();
            let most = exercise.at_most.unwrap() as f64;
            for limit in [most / 1000.0, most] {
                let tried = nslab::scenario::TriedValues {
                    value: limit,
                    reference: 2.0 * most,
                };
                let set = exercise.sized(tried, &run.params).unwrap();
                let params = read(&set).runs.swap_remove(0).params;
                assert!(exercise.condition_at(Some(tried), &params).is_some());
                // A size that only follows the user's path has no limit to reach.
                let limited = exercise.size.iter().any(|each| each.rule.contains("limit"));
                assert_eq!(limited, exercise.needed_at(tried, &params).is_some());
                sized += 1;
            }
        }
    }
    assert!(sized > 0, "no shipped scenario is sized");
}
