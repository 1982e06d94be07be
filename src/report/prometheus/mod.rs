//! Final values as OpenMetrics 1.0 text, for a Prometheus that keeps them over many suites.
//!
//! Every sample of a run has the labels `scenario`, `file`, `variant` and `case` (where there are any) and `emulated="true"` where the
//! run was emulated. `nslab_node_*` are of a node (label `node`), `nslab_actor_*` of a client, server or command
//! (label `actor`). Times are seconds. No sample has a timestamp: nothing here reads a clock.

mod exposition;
mod series;

use crate::record::{Outcome, Privileges, Verdict};
use crate::suite::{RunResult, ScenarioFile, ScenarioResult, SuiteResult};

use super::evidence;
use exposition::{Exposition, Kind, Labels};

/// Every outcome: a state set has a sample for each of its states.
const OUTCOMES: [Outcome; 7] = [
    Outcome::Passed,
    Outcome::Skipped,
    Outcome::Flaky,
    Outcome::NotApplicable,
    Outcome::Inconclusive,
    Outcome::Failed,
    Outcome::Errored,
];

/// Renders a suite.
pub fn render(result: &SuiteResult) -> String {
    let mut out = Exposition::default();
    out.gauge(
        "nslab_suite_took_seconds",
        "Time from start to end of the suite.",
        Labels::new(),
        result.took.as_secs_f64(),
    );
    let interrupted = f64::from(u8::from(result.interrupted));
    out.gauge(
        "nslab_suite_interrupted",
        "1 where the suite was interrupted before its end.",
        Labels::new(),
        interrupted,
    );
    let mut labels = Labels::new();
    if result
        .scenarios
        .iter()
        .any(|scenario| evidence::scenario_emulated(scenario))
    {
        labels.add("emulated", "true");
    }
    outcome(
        &mut out,
        "nslab_suite_outcome",
        "How the suite came out.",
        &labels,
        result.outcome(),
    );
    for each in &result.scenarios {
        scenario(&mut out, each);
    }
    out.finish()
}

fn scenario(out: &mut Exposition, result: &ScenarioResult) {
    let mut labels = scenario_labels(&result.file);
    let repetition = result.runs.first().and_then(|run| run.spec.id.repetition);
    if let Some(repetition) = repetition {
        labels.add("repetition", &repetition.to_string());
    }
    let mut of_all = labels.clone();
    if evidence::scenario_emulated(result) {
        of_all.add("emulated", "true");
    }
    outcome(
        out,
        "nslab_scenario_outcome",
        "How the scenario came out.",
        &of_all,
        result.outcome(),
    );
    for each in &result.runs {
        run(out, &result.file, each);
    }
    for case in &result.compare {
        let mut labels = labels.clone();
        add_case(&mut labels, &case.case);
        for verdict in &case.verdicts {
            expectation(out, &labels, verdict);
        }
    }
}

fn run(out: &mut Exposition, file: &ScenarioFile, run: &RunResult) {
    let mut labels = scenario_labels(file);
    if let Some(variant) = &run.spec.id.variant {
        labels.add("variant", variant);
    }
    add_case(&mut labels, &run.spec.id.case);
    if let Some(repetition) = run.spec.id.repetition {
        labels.add("repetition", &repetition.to_string());
    }
    if evidence::emulated(run) {
        labels.add("emulated", "true");
    }
    outcome(
        out,
        "nslab_run_outcome",
        "How the run came out.",
        &labels,
        run.verdict.outcome,
    );
    out.gauge(
        "nslab_run_took_seconds",
        "Time from start to end of the run's process.",
        labels.clone(),
        run.took.as_secs_f64(),
    );
    if let Some(environment) = &run.timeline.environment {
        let mut labels = labels.clone();
        labels.add("kernel", &environment.kernel_release);
        labels.add("machine", &environment.machine);
        labels.add("nslab", &environment.nslab);
        labels.add(
            "privileges",
            match environment.privileges {
                Privileges::Root => "root",
                Privileges::Rootless => "rootless",
            },
        );
        labels.add("seed", &environment.seed.to_string());
        out.sample(
            "nslab_run",
            Kind::Info,
            "Where the run happened.",
            "_info",
            labels,
            1.0,
        );
    }
    // What an inconclusive or errored run seems to say of its expectations is not to be believed.
    if matches!(
        run.verdict.outcome,
        Outcome::Passed | Outcome::Flaky | Outcome::Failed
    ) {
        for verdict in &run.verdict.verdicts {
            expectation(out, &labels, verdict);
        }
    }
    for each in run.timeline.all_series() {
        series::add(out, each, &run.spec, &labels);
    }
}

/// Only what was judged: an alert on 0 must mean that the kernel behaved otherwise.
fn expectation(out: &mut Exposition, labels: &Labels, verdict: &Verdict) {
    let held = match verdict.outcome {
        Outcome::Passed | Outcome::Flaky => 1.0,
        Outcome::Failed => 0.0,
        Outcome::Skipped | Outcome::NotApplicable | Outcome::Inconclusive | Outcome::Errored => {
            return;
        }
    };
    let mut labels = labels.clone();
    labels.add("expectation", &verdict.text);
    labels.add("line", &verdict.line.to_string());
    if verdict.emulated {
        labels.add("emulated", "true");
    }
    out.gauge(
        "nslab_expectation_held",
        "1 where the expectation held, 0 where it did not.",
        labels,
        held,
    );
}

fn outcome(out: &mut Exposition, name: &str, help: &str, labels: &Labels, outcome: Outcome) {
    for state in OUTCOMES {
        let mut labels = labels.clone();
        labels.add(name, state.as_str());
        let is = f64::from(u8::from(state == outcome));
        out.sample(name, Kind::StateSet, help, "", labels, is);
    }
}

fn scenario_labels(file: &ScenarioFile) -> Labels {
    let mut labels = Labels::new();
    labels.add("scenario", &file.scenario.name);
    labels.add("file", &file.label);
    labels
}

fn add_case(labels: &mut Labels, case: &[(String, String)]) {
    if !case.is_empty() {
        let each: Vec<String> = case
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        labels.add("case", &each.join(" "));
    }
}
