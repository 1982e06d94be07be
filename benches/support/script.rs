//! Runs from the text of a scenario.

use nslab::scenario::{self, RunSpec};

use super::bench::Measured;

/// Returns the only run of a scenario.
pub(crate) fn spec(scenario: &str) -> Measured<RunSpec> {
    let parsed = scenario::parse("benchmark.yaml", scenario, &Default::default());
    let mut parsed = parsed.map_err(|problems| problems.render(false))?;
    Ok(parsed.runs.swap_remove(0))
}
