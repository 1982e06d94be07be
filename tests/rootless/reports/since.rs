//! The page of runs by kernel.

use std::sync::Arc;

use nslab::report::since;

use crate::reports::results::{every_outcome, passed};

#[test]
fn a_scenario_that_did_not_run_belongs_to_the_kernel_of_the_others() {
    let mut result = passed();
    let named = |mut scenario: nslab::suite::ScenarioResult| {
        scenario.kernel = Some("debian-6.1".to_owned());
        scenario
    };
    let ran = named(result.scenarios[0].as_ref().clone());
    let release = ran.runs[0].timeline.environment.as_ref().unwrap();
    let release = release.kernel_release.clone();
    let other = every_outcome().scenarios[1].as_ref().clone();
    let mut not_run = named(other);
    for run in &mut not_run.runs {
        run.timeline.environment = None;
    }
    result.scenarios = vec![Arc::new(ran), Arc::new(not_run)];
    let page = since::render(&result, str::to_owned);
    let heading = page.lines().find(|line| line.starts_with("| run"));
    assert_eq!(
        heading,
        Some(format!("| run | {release} |").as_str()),
        "{page}"
    );
}
