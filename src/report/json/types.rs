//! What a JSON report is made of. Times are seconds; field names are part of the format.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

/// How something came out; of a whole, the greatest of its parts in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeWord {
    /// Every expectation held.
    Passed,
    /// Asked to be left out.
    Skipped,
    /// Every expectation held when it was tried again: see the run's `attempts`.
    Flaky,
    /// This kernel or machine lacks what the scenario needs.
    NotApplicable,
    /// The load was not what the scenario asked for: nothing is said about the claim.
    Inconclusive,
    /// The kernel behaved otherwise than expected.
    Failed,
    /// The question could not be asked.
    Errored,
}

/// How much of a claim is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TruthWord {
    /// All of it.
    True,
    /// Nothing of it that matters.
    False,
    /// A part of it, or in some cases.
    Partly,
}

/// How a run got its namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PrivilegesWord {
    /// As root.
    Root,
    /// In a user namespace of its own.
    Rootless,
}

/// A suite's report.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SuiteReport {
    /// Version of this format: 1. A reader should refuse a greater one.
    pub version: u32,
    /// Version of the program that wrote it.
    pub nslab: String,
    /// The greatest of the scenarios' outcomes.
    pub outcome: OutcomeWord,
    /// Whether the suite was interrupted before its end.
    pub interrupted: bool,
    /// Seconds from start to end.
    pub took: f64,
    /// The scenarios, in the order they were given.
    pub scenarios: Vec<ScenarioReport>,
    /// Runs that were not begun: the suite was interrupted, or was to end at the first failure.
    pub not_run: Vec<NotRun>,
    /// Where runs were repeated: how far each one's verdicts and observed values spread.
    pub spread: Vec<SpreadPart>,
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
    /// Whether the claim is true, by the scenario: what its expectations show where they hold.
    pub truth: Option<TruthWord>,
    /// Tags.
    pub tags: Vec<String>,
    /// The greatest of its parts.
    pub outcome: OutcomeWord,
    /// Whether anything in its runs was emulated.
    pub emulated: bool,
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
    /// Which repetition, from 1, where runs were repeated.
    pub repetition: Option<u32>,
    /// Attempts before this one, where it was tried again.
    pub attempts: Vec<AttemptPart>,
    /// How it came out.
    pub outcome: OutcomeWord,
    /// Why, where no expectation says it.
    pub reason: Option<String>,
    /// Every parameter with the value it had.
    pub params: BTreeMap<String, String>,
    /// Whether anything in the run was emulated.
    pub emulated: bool,
    /// What was emulated, by node, a sentence each; empty where all was real.
    pub emulations: BTreeMap<String, Vec<String>>,
    /// Whether the run was interrupted before its end.
    pub interrupted: bool,
    /// How room in conntrack tables was made, by node.
    pub conntrack_room: BTreeMap<String, ConntrackRoomPart>,
    /// Seconds from start to end of its process.
    pub took: f64,
    /// Seconds of which the lab's set-up took.
    pub set_up: Option<f64>,
    /// Seconds of the run's clock at its end, where it came to its end: virtual ones in virtual time.
    pub ended_at: Option<f64>,
    /// Each expectation with what was observed.
    pub expectations: Vec<ExpectationReport>,
    /// How each client's load was offered and achieved.
    pub loads: Vec<LoadPart>,
    /// Last value of every counter and gauge: counts, bytes, or seconds where it is a time.
    pub metrics: BTreeMap<String, serde_json::Number>,
    /// Every distribution, whole.
    pub distributions: BTreeMap<String, DistributionPart>,
    /// Where it happened.
    pub environment: Option<EnvironmentPart>,
    /// What a reader must know.
    pub notes: Vec<NotePart>,
    /// The last lines of a worker that died.
    pub last_words: Vec<String>,
    /// Path of its record, where one was kept.
    pub record: Option<String>,
    /// Path of its packets, where they were kept.
    pub capture: Option<String>,
}

/// What the repetitions of one run came to.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SpreadPart {
    /// The path of its scenario, as given.
    pub file: String,
    /// Scenario, variant and case.
    pub run: String,
    /// How often it came out how.
    pub outcomes: Vec<OutcomeCount>,
    /// Each quantity that expectations name.
    pub quantities: Vec<QuantityPart>,
}

/// How often something came out so.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OutcomeCount {
    /// How.
    pub outcome: OutcomeWord,
    /// How often.
    pub count: usize,
}

/// What a quantity was in the repetitions of a run: counts, bytes, seconds, or a second.
#[derive(Debug, Serialize, JsonSchema)]
pub struct QuantityPart {
    /// The quantity, as written.
    pub quantity: String,
    /// Repetitions that observed a number.
    pub count: usize,
    /// Its least value.
    pub min: f64,
    /// Its median; the lower of two.
    pub median: f64,
    /// Its greatest value.
    pub max: f64,
}

/// An attempt that another one followed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AttemptPart {
    /// How it came out.
    pub outcome: OutcomeWord,
    /// Why.
    pub reason: String,
    /// Seconds from start to end of its process.
    pub took: f64,
    /// Its record, where it was kept.
    pub record: Option<String>,
}

/// A run that was not begun.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NotRun {
    /// The path of its scenario, as given.
    pub file: String,
    /// Scenario, variant and case.
    pub run: String,
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
    pub outcome: OutcomeWord,
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
    /// Whether starts follow a schedule; a closed loop offers what it achieves.
    pub open_loop: bool,
    /// Rate that the schedule asks for, a second; null where there is none.
    pub offered_rate: Option<f64>,
    /// Rate of starts achieved, a second; null where none was.
    pub achieved_rate: Option<f64>,
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
    /// How the run got its namespaces.
    pub privileges: PrivilegesWord,
    /// Whether the lab owned the kernel (a virtual machine).
    pub owns_kernel: bool,
    /// Whether time was virtual.
    pub virtual_time: bool,
    /// The seed of everything random.
    pub seed: u64,
    /// Sysctls that differ from the baseline, by node.
    pub off_baseline: BTreeMap<String, BTreeMap<String, String>>,
    /// Sysctls that were set for the whole kernel, where the lab owned it.
    pub kernel_sysctls: BTreeMap<String, String>,
}

/// How room in a conntrack table was made.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ConntrackRoomPart {
    /// Free entries that were asked for.
    pub room: u32,
    /// The table's limit.
    pub max: u32,
    /// Entries that filled it; 0 where the limit itself was set.
    pub filled: u32,
}

/// A distribution over the whole run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DistributionPart {
    /// Values in it.
    pub count: u64,
    /// Median, in seconds where it is of times; null where there are no values.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Greatest.
    pub max: Option<f64>,
}

/// Something that a reader of the result must know.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NotePart {
    /// Seconds on the run's clock; null before it started.
    pub at: Option<f64>,
    /// One sentence.
    pub text: String,
}
