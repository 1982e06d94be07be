//! The types of a JSON report. Times are in seconds; field names are part of the format.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

/// The outcome of a run or expectation; a whole has the worst outcome of its parts, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeWord {
    /// Every expectation held.
    Passed,
    /// Skipped on request.
    Skipped,
    /// Every expectation held after a retry: see the run's `attempts`.
    Flaky,
    /// This kernel or machine lacks something that the scenario needs.
    NotApplicable,
    /// The requested load could not be generated, so nothing is known about the claim.
    Inconclusive,
    /// The kernel behaved differently than expected.
    Failed,
    /// The run could not be carried out.
    Errored,
}

/// The truth of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TruthWord {
    /// The whole claim is true.
    True,
    /// Nothing that matters in it is true.
    False,
    /// A part of it is true, or it is true in some cases.
    Partly,
}

/// The privileges with which a run created its namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PrivilegesWord {
    /// Root.
    Root,
    /// A user namespace of its own.
    Rootless,
}

/// The report of a suite.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SuiteReport {
    /// Version of this format: 1. Readers should reject a greater version.
    pub version: u32,
    /// Version of the program that wrote it.
    pub nslab: String,
    /// The worst outcome of the scenarios.
    pub outcome: OutcomeWord,
    /// True if the suite was interrupted.
    pub interrupted: bool,
    /// Duration in seconds.
    pub took: f64,
    /// The scenarios in the given order.
    pub scenarios: Vec<ScenarioReport>,
    /// Runs that were not started, because the suite was interrupted or stopped at the first failure.
    pub not_run: Vec<NotRun>,
    /// The spread of outcomes and observed values of repeated runs.
    pub spread: Vec<SpreadPart>,
}

/// A scenario with its runs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ScenarioReport {
    /// The scenario's name.
    pub name: String,
    /// The scenario's title.
    pub title: String,
    /// The path as given.
    pub file: String,
    /// The claim under test.
    pub claim: Option<String>,
    /// The truth of the claim according to the scenario: valid if its expectations hold.
    pub truth: Option<TruthWord>,
    /// The scenario's tags.
    pub tags: Vec<String>,
    /// The worst outcome of its runs and comparisons.
    pub outcome: OutcomeWord,
    /// True if anything in its runs was emulated.
    pub emulated: bool,
    /// The scenario's runs.
    pub runs: Vec<RunReport>,
    /// Its comparisons by matrix case.
    pub compare: Vec<CompareReport>,
}

/// A run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunReport {
    /// The variant, if the scenario has variants.
    pub variant: Option<String>,
    /// Parameters of the matrix case.
    pub case: Vec<Parameter>,
    /// The number of the repetition from 1, if runs were repeated.
    pub repetition: Option<u32>,
    /// Earlier attempts, if the run was retried.
    pub attempts: Vec<AttemptPart>,
    /// The run's outcome.
    pub outcome: OutcomeWord,
    /// The reason, if no expectation gives it.
    pub reason: Option<String>,
    /// Every parameter with its value.
    pub params: BTreeMap<String, String>,
    /// True if anything in the run was emulated.
    pub emulated: bool,
    /// Emulated features by node, one sentence each; empty if nothing was emulated.
    pub emulations: BTreeMap<String, Vec<String>>,
    /// True if the run was interrupted.
    pub interrupted: bool,
    /// The free entries in conntrack tables and how they were made free, by node.
    pub conntrack_room: BTreeMap<String, ConntrackRoomPart>,
    /// Duration of its process in seconds.
    pub took: f64,
    /// Duration of the lab's set-up in seconds.
    pub set_up: Option<f64>,
    /// Time on the run's clock at its end in seconds, if it finished: virtual seconds in virtual time.
    pub ended_at: Option<f64>,
    /// Each expectation with the observed values.
    pub expectations: Vec<ExpectationReport>,
    /// Offered and achieved load of each client.
    pub loads: Vec<LoadPart>,
    /// Last value of every counter and gauge: counts, bytes, or seconds for times.
    pub metrics: BTreeMap<String, serde_json::Number>,
    /// Every distribution over the whole run.
    pub distributions: BTreeMap<String, DistributionPart>,
    /// The kernel and machine.
    pub environment: Option<EnvironmentPart>,
    /// Notes for the reader.
    pub notes: Vec<NotePart>,
    /// The last lines of output of a worker that died.
    pub last_words: Vec<String>,
    /// Path of its record, if it was kept.
    pub record: Option<String>,
    /// Path of its packet capture, if it was kept.
    pub capture: Option<String>,
}

/// The results of the repetitions of one run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SpreadPart {
    /// The path of its scenario as given.
    pub file: String,
    /// Scenario, variant and case.
    pub run: String,
    /// Number of repetitions by outcome.
    pub outcomes: Vec<OutcomeCount>,
    /// Each quantity that expectations name.
    pub quantities: Vec<QuantityPart>,
}

/// The number of repetitions with an outcome.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OutcomeCount {
    /// The outcome of these repetitions.
    pub outcome: OutcomeWord,
    /// The number of repetitions.
    pub count: usize,
}

/// The values of a quantity over the repetitions of a run: counts, bytes, seconds, or per second.
#[derive(Debug, Serialize, JsonSchema)]
pub struct QuantityPart {
    /// The quantity as written.
    pub quantity: String,
    /// Number of repetitions that observed a number.
    pub count: usize,
    /// The least value.
    pub min: f64,
    /// The median; of an even number, the lower middle value.
    pub median: f64,
    /// The greatest value.
    pub max: f64,
}

/// An attempt that was followed by a retry.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AttemptPart {
    /// The attempt's outcome.
    pub outcome: OutcomeWord,
    /// The reason for the outcome.
    pub reason: String,
    /// Duration of its process in seconds.
    pub took: f64,
    /// Path of its record, if it was kept.
    pub record: Option<String>,
}

/// A run that was not started.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NotRun {
    /// The path of its scenario as given.
    pub file: String,
    /// Scenario, variant and case.
    pub run: String,
}

/// A parameter of a matrix case.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Parameter {
    /// The parameter's name.
    pub name: String,
    /// The parameter's value.
    pub value: String,
}

/// An expectation with its verdict.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ExpectationReport {
    /// The text as written.
    pub text: String,
    /// Line in the file, from 1.
    pub line: u32,
    /// Column in the line, from 1.
    pub column: u32,
    /// The expectation's outcome.
    pub outcome: OutcomeWord,
    /// Each quantity in it with its observed value.
    pub observed: Vec<ObservationPart>,
    /// The reason for the outcome.
    pub reason: Option<String>,
    /// Time on the run's clock in seconds at which it was decided.
    pub decided_at: Option<f64>,
    /// True if a quantity in it was emulated.
    pub emulated: bool,
}

/// A quantity with its observed value.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ObservationPart {
    /// The quantity as written.
    pub quantity: String,
    /// The value with its unit.
    pub value: String,
}

/// The comparisons of one matrix case.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CompareReport {
    /// Parameters of the case.
    pub case: Vec<Parameter>,
    /// Each comparison as an expectation.
    pub expectations: Vec<ExpectationReport>,
}

/// The offered and the achieved load of a client.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LoadPart {
    /// The client's name.
    pub client: String,
    /// Number of scheduled attempts.
    pub scheduled: u64,
    /// Number of started attempts.
    pub started: u64,
    /// True if starts follow a schedule; a closed loop offers the rate that it achieves.
    pub open_loop: bool,
    /// Scheduled rate per second; null without a schedule.
    pub offered_rate: Option<f64>,
    /// Achieved rate of starts per second; null without starts.
    pub achieved_rate: Option<f64>,
    /// Median lateness of starts in microseconds.
    pub late_p50_us: f64,
    /// 99th percentile of the lateness.
    pub late_p99_us: f64,
    /// Greatest lateness of a start.
    pub late_max_us: f64,
    /// The way in which local ports were chosen.
    pub port_choice: String,
    /// The engine that generated the load.
    pub engine: String,
    /// Processor time of the client in seconds.
    pub cpu: f64,
}

/// The kernel and the machine.
#[derive(Debug, Serialize, JsonSchema)]
pub struct EnvironmentPart {
    /// Release of the kernel, as in `uname -r`.
    pub kernel_release: String,
    /// Build of the kernel, as in `uname -v`.
    pub kernel_build: String,
    /// Architecture, as in `uname -m`.
    pub machine: String,
    /// Number of processors.
    pub processors: u32,
    /// Memory in bytes.
    pub memory: u64,
    /// The privileges with which the run created its namespaces.
    pub privileges: PrivilegesWord,
    /// True if the lab owned the kernel (a virtual machine).
    pub owns_kernel: bool,
    /// True if time was virtual.
    pub virtual_time: bool,
    /// The seed of all random numbers.
    pub seed: u64,
    /// Sysctls that differ from the baseline, by node.
    pub off_baseline: BTreeMap<String, BTreeMap<String, String>>,
    /// Sysctls set for the whole kernel, if the lab owned it.
    pub kernel_sysctls: BTreeMap<String, String>,
}

/// The free entries in a conntrack table and how they were made free.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ConntrackRoomPart {
    /// Requested number of free entries.
    pub room: u32,
    /// The table's limit.
    pub max: u32,
    /// Number of filler entries; 0 if the limit itself was set.
    pub filled: u32,
}

/// A distribution over the whole run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DistributionPart {
    /// Number of values.
    pub count: u64,
    /// The median, in seconds for times; null without values.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// The greatest value.
    pub max: Option<f64>,
}

/// A note for the reader of the result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NotePart {
    /// Time on the run's clock in seconds; null before it started.
    pub at: Option<f64>,
    /// The text, one sentence.
    pub text: String,
}
