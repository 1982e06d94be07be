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
