//! JSON for machines: types of its own, versioned, so that the inside may change without breaking readers.

use schemars::JsonSchema;
use serde::Serialize;

use crate::record::{Environment, LoadReport, Outcome, SeriesKind, Verdict};
use crate::suite::{RunResult, ScenarioResult, SuiteResult};

/// Raised whenever a reader of the version before could be misled.
const VERSION: u32 = 1;

/// A suite's report.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Report {
    /// Version of this format: 1.
    pub version: u32,
    /// Version of the program that wrote it.
    pub nslab: String,
    /// The greatest of the scenarios' outcomes: `passed`, `skipped`, `not-applicable`, `inconclusive`, `failed`, `errored`.
    pub outcome: String,
    /// Whether the suite was interrupted before its end.
    pub interrupted: bool,
    /// Seconds from start to end.
    pub took: f64,
    /// The scenarios, in the order they were given.
    pub scenarios: Vec<ScenarioReport>,
}

/// A scenario's part.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ScenarioReport {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The path it was read from, as given.
    pub file: String,
    /// The claim under test.
    pub claim: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// The greatest of its parts.
    pub outcome: String,
    /// Its runs.
    pub runs: Vec<RunReport>,
    /// Its comparisons, by matrix case.
    pub compare: Vec<CompareReport>,
}

/// A run's part.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunReport {
    /// The variant, where there are variants.
    pub variant: Option<String>,
    /// Parameters of the matrix case.
    pub case: Vec<Parameter>,
    /// How it came out.
    pub outcome: String,
    /// Why, where no expectation says it.
    pub reason: Option<String>,
    /// What was emulated, a sentence each; empty where all was real.
    pub emulated: Vec<String>,
    /// Seconds from start to end of its process.
    pub took: f64,
    /// Seconds of which the lab's set-up took.
    pub set_up: Option<f64>,
    /// Each expectation with what was observed.
    pub expectations: Vec<ExpectationReport>,
    /// How each client's load was offered and achieved.
    pub loads: Vec<LoadPart>,
    /// Last value of every counter and gauge.
    pub metrics: std::collections::BTreeMap<String, i64>,
    /// Where it happened.
    pub environment: Option<EnvironmentPart>,
    /// What a reader must know.
    pub notes: Vec<String>,
    /// The last lines of a worker that died.
    pub last_words: Vec<String>,
}

/// A parameter of a matrix case.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// An expectation and its verdict.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ExpectationReport {
    /// As written.
    pub text: String,
    /// Line in the file, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// How it came out.
    pub outcome: String,
    /// Each quantity in it with what was observed.
    pub observed: Vec<ObservationPart>,
    /// Why it came out so.
    pub reason: Option<String>,
    /// Seconds on the run's clock at which it was decided.
    pub decided_at: Option<f64>,
    /// Whether a quantity in it was emulated.
    pub emulated: bool,
}

/// A quantity and its value.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ObservationPart {
    /// As written.
    pub quantity: String,
    /// With its unit.
    pub value: String,
}

/// Comparisons of one matrix case.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CompareReport {
    /// Parameters of the case.
    pub case: Vec<Parameter>,
    /// Each comparison.
    pub expectations: Vec<ExpectationReport>,
}

/// Offered against achieved load.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LoadPart {
    /// The client.
    pub client: String,
    /// Attempts scheduled.
    pub scheduled: u64,
    /// Attempts started.
    pub started: u64,
    /// Rate that the schedule asks for, a second.
    pub offered_rate: f64,
    /// Rate of starts achieved, a second.
    pub achieved_rate: f64,
    /// Lateness of starts, microseconds: median.
    pub late_p50_us: f64,
    /// 99th percentile.
    pub late_p99_us: f64,
    /// Latest.
    pub late_max_us: f64,
    /// How local ports were chosen.
    pub port_choice: String,
    /// What drove it.
    pub engine: String,
    /// Processor seconds of the client.
    pub cpu: f64,
}

/// Kernel and machine.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EnvironmentPart {
    /// `uname -r`.
    pub kernel_release: String,
    /// `uname -v`.
    pub kernel_build: String,
    /// `uname -m`.
    pub machine: String,
    /// Processors.
    pub processors: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// `root` or `rootless`.
    pub privileges: String,
    /// The seed of everything random.
    pub seed: u64,
    /// Sysctls that differ from the baseline, by node.
    pub off_baseline:
        std::collections::BTreeMap<String, std::collections::BTreeMap<String, String>>,
}

/// Renders a suite.
///
/// # Errors
/// None in practice: every part can be written as JSON.
pub fn render(result: &SuiteResult) -> serde_json::Result<String> {
    let report = Report {
        version: VERSION,
        nslab: env!("CARGO_PKG_VERSION").to_owned(),
        outcome: word(result.outcome()),
        interrupted: result.interrupted,
        took: result.took.as_secs_f64(),
        scenarios: result
            .scenarios
            .iter()
            .map(|scenario| scenario_report(scenario))
            .collect(),
    };
    serde_json::to_string_pretty(&report).map(|text| text + "\n")
}

fn word(outcome: Outcome) -> String {
    outcome.as_str().replace(' ', "-")
}

fn scenario_report(result: &ScenarioResult) -> ScenarioReport {
    let scenario = &result.file.scenario;
    ScenarioReport {
        name: scenario.name.clone(),
        title: scenario.title.clone(),
        file: result.file.label.clone(),
        claim: scenario.claim.clone(),
        tags: scenario.tags.clone(),
        outcome: word(result.outcome()),
        runs: result.runs.iter().map(run_report).collect(),
        compare: result
            .compare
            .iter()
            .map(|case| CompareReport {
                case: parameters(&case.case),
                expectations: case.verdicts.iter().map(expectation).collect(),
            })
            .collect(),
    }
}

fn run_report(run: &RunResult) -> RunReport {
    let built = run.timeline.built.as_ref();
    RunReport {
        variant: run.spec.id.variant.clone(),
        case: parameters(&run.spec.id.case),
        outcome: word(run.verdict.outcome),
        reason: run.verdict.reason.clone(),
        emulated: built
            .iter()
            .flat_map(|built| built.emulated.values().flatten().cloned())
            .collect(),
        took: run.took.as_secs_f64(),
        set_up: built.map(|built| seconds(built.took)),
        expectations: run.verdict.verdicts.iter().map(expectation).collect(),
        loads: run.timeline.loads.iter().map(load).collect(),
        metrics: run
            .timeline
            .all_series()
            .filter(|series| {
                matches!(
                    series.declaration.kind,
                    SeriesKind::Counter | SeriesKind::Gauge
                )
            })
            .filter_map(|series| Some((series.declaration.name.to_string(), series.last()?)))
            .collect(),
        environment: run.timeline.environment.as_ref().map(environment),
        notes: run
            .timeline
            .notes
            .iter()
            .map(|(_, text)| text.clone())
            .collect(),
        last_words: run.last_words.clone(),
    }
}

fn parameters(case: &[(String, String)]) -> Vec<Parameter> {
    case.iter()
        .map(|(name, value)| Parameter {
            name: name.clone(),
            value: value.clone(),
        })
        .collect()
}

fn expectation(verdict: &Verdict) -> ExpectationReport {
    ExpectationReport {
        text: verdict.text.clone(),
        line: verdict.line,
        column: verdict.column,
        outcome: word(verdict.outcome),
        observed: verdict
            .observed
            .iter()
            .map(|each| ObservationPart {
                quantity: each.quantity.clone(),
                value: each.value.clone(),
            })
            .collect(),
        reason: verdict.reason.clone(),
        decided_at: verdict.decided_at.map(|at| at.as_secs_f64()),
        emulated: verdict.emulated,
    }
}

fn load(load: &LoadReport) -> LoadPart {
    let micros = |nanos: u64| seconds(nanos) * 1e6;
    LoadPart {
        client: load.client.to_string(),
        scheduled: load.scheduled,
        started: load.started,
        offered_rate: load.offered_rate,
        achieved_rate: load.achieved_rate,
        late_p50_us: micros(load.late_p50),
        late_p99_us: micros(load.late_p99),
        late_max_us: micros(load.late_max),
        port_choice: load.port_choice.clone(),
        engine: load.engine.clone(),
        cpu: seconds(load.cpu),
    }
}

fn environment(environment: &Environment) -> EnvironmentPart {
    EnvironmentPart {
        kernel_release: environment.kernel_release.clone(),
        kernel_build: environment.kernel_build.clone(),
        machine: environment.machine.clone(),
        processors: environment.processors,
        memory: environment.memory,
        privileges: match environment.privileges {
            crate::record::Privileges::Root => "root".to_owned(),
            crate::record::Privileges::Rootless => "rootless".to_owned(),
        },
        seed: environment.seed,
        off_baseline: environment.off_baseline.clone(),
    }
}

fn seconds(nanos: u64) -> f64 {
    std::time::Duration::from_nanos(nanos).as_secs_f64()
}
