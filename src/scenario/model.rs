//! A resolved scenario: references looked up, defaults applied, nothing left to check.
//!
//! The text of a file is read by `document`, resolved by `resolve`, and its faults
//! are reported through `problem`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

use super::exercise::Exercise;
use super::expr::Expectation;
use super::lesson::Lesson;
use super::moment::Moment;
use super::topology::Topology;
use super::workload::Workload;
use crate::metrics::kernel::LOG_NAME;
use crate::names::SeriesName;
use crate::units;

/// One scenario file: its claim, and the runs that put the claim to the test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Its name on the command line and in reports.
    pub name: String,
    /// One line for readers.
    pub title: String,
    /// The statement under test, in the words of the field.
    pub claim: Option<String>,
    /// The truth of the claim, which the expectations show when they hold.
    #[serde(default)]
    pub truth: Option<Truth>,
    /// References: the origin of the claim, or documentation of the behaviour.
    pub source: Vec<String>,
    /// Markdown: the course of events, its cause, and the counters that show it.
    pub lesson: Option<String>,
    /// Words to select by. A suite without file arguments leaves out scenarios tagged `slow`.
    pub tags: Vec<String>,
    /// The sysctls whose effect it shows.
    #[serde(default)]
    pub exercises: Vec<Exercise>,
    /// Every variant of every matrix case, in the order of the file. Never empty.
    pub runs: Vec<RunSpec>,
    /// Comparisons between variants, judged for each matrix case once all of its variants have run.
    pub compare: Vec<Expectation>,
    /// The lesson on the scenario, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learn: Option<Lesson>,
}

/// The degree to which a claim is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Truth {
    /// The whole claim is true.
    True,
    /// Nothing that matters in the claim is true.
    False,
    /// A part of the claim is true, or the claim holds in some cases.
    Partly,
}

impl Truth {
    /// Returns the word that scenario files use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::Partly => "partly",
        }
    }
}

/// The identity of a run within a suite: a variant, a matrix case, both or neither.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId {
    /// The name of the scenario that the run belongs to.
    pub scenario: String,
    /// The variant's name, if the scenario has variants.
    pub variant: Option<String>,
    /// The matrix case: parameters with their values, in the order of the file.
    pub case: Vec<(String, String)>,
    /// The repetition, from 1, if the suite repeats its runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repetition: Option<u32>,
}

impl RunId {
    /// The only run of a scenario: no variant, no case, no repetition.
    pub fn of(scenario: impl Into<String>) -> Self {
        Self {
            scenario: scenario.into(),
            variant: None,
            case: Vec::new(),
            repetition: None,
        }
    }
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.scenario)?;
        if let Some(variant) = &self.variant {
            write!(f, " / {variant}")?;
        }
        for (index, (key, value)) in self.case.iter().enumerate() {
            write!(f, "{}{key}={value}", if index == 0 { " [" } else { ", " })?;
        }
        if !self.case.is_empty() {
            f.write_str("]")?;
        }
        if let Some(repetition) = self.repetition {
            write!(f, " #{repetition}")?;
        }
        Ok(())
    }
}

/// One run, from a fresh lab to its expectations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSpec {
    /// The run's variant, matrix case and repetition.
    pub id: RunId,
    /// Every parameter with its value in this run.
    pub params: BTreeMap<String, String>,
    /// Nodes, links, addresses, routes and NAT.
    pub topology: Topology,
    /// Servers, clients, commands and steps.
    pub workload: Workload,
    /// Conditions on the kernel and the machine.
    pub requires: Requires,
    /// Absolute paths of files and folders that the commands need besides their programs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub brings: Vec<String>,
    /// Host-wide sysctls. They are set only if the lab owns the kernel; otherwise the run is not applicable.
    pub kernel_sysctls: BTreeMap<String, String>,
    /// The scenario's own expectations, then the variant's.
    pub expect: Vec<Expectation>,
    /// Bookmarks for the reader, in the order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moments: Vec<Moment>,
    /// Every series that the expectations name, or that the scenario's comparisons name for this variant.
    /// These are sampled closely.
    #[serde(default)]
    pub watched: Vec<SeriesName>,
    /// Time limit, set-up included, after which the worker is killed.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
    /// The earliest time to stop watching, from the start of the clock: the latest moment that a window names.
    #[serde(with = "units::duration")]
    pub watch_until: Duration,
    /// Interval between two samples of the lab's state.
    #[serde(with = "units::duration")]
    pub sample_every: Duration,
    /// Seed of everything random in the run.
    pub seed: u64,
    /// True if a suite runs nothing else beside it.
    #[serde(default)]
    pub exclusive: bool,
    /// True if a suite leaves processors free while it runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quiet: bool,
}

impl RunSpec {
    /// Returns true if an expectation is about the kernel's log.
    pub(crate) fn reads_log(&self) -> bool {
        (self.watched.iter()).any(|series| series.as_str() == LOG_NAME)
    }

    /// Returns a run without nodes, traffic and expectations; every duration is zero.
    pub fn empty(id: RunId) -> Self {
        Self {
            id,
            params: BTreeMap::new(),
            topology: Topology::default(),
            workload: Workload::default(),
            requires: Requires::default(),
            brings: Vec::new(),
            kernel_sysctls: BTreeMap::new(),
            expect: Vec::new(),
            moments: Vec::new(),
            watched: Vec::new(),
            timeout: Duration::ZERO,
            watch_until: Duration::ZERO,
            sample_every: Duration::ZERO,
            seed: 0,
            exclusive: false,
            quiet: false,
        }
    }
}

/// Conditions without which a run makes no sense. If one is not met, the run is not applicable.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Requires {
    /// Kernel version bounds, all of which must hold.
    pub kernel: Vec<VersionBound>,
    /// Programs that must be on `PATH`.
    pub programs: Vec<String>,
    /// Kernel modules that must be loaded or built in; a guest loads them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<String>,
    /// Number of processors that work at the same time.
    #[serde(default)]
    pub processors: u32,
}

/// One bound on the kernel's version, like `>= 4.12`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionBound {
    /// The comparison; the version of the running kernel is on its left.
    pub op: super::expr::CompareOp,
    /// Major, minor and patch; omitted parts are 0.
    pub version: (u32, u32, u32),
}
