//! A scenario as meant: references resolved, defaults applied, nothing left to check.
//!
//! Not here: how files are written (`document`), what is wrong with them (`validate`, `problem`).

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

use super::expr::Expectation;
use super::topology::Topology;
use super::workload::Workload;
use crate::names::SeriesName;
use crate::units;

/// One scenario file: what it claims, and the runs that put the claim to the test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// What it is called on the command line and in reports.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// The statement under test, in the words of the field.
    pub claim: Option<String>,
    /// Whether the statement is true, as the expectations show it where they hold.
    #[serde(default)]
    pub truth: Option<Truth>,
    /// Where the statement comes from, or what documents the behaviour.
    pub source: Vec<String>,
    /// Markdown: what happens, why, which counter shows it.
    pub lesson: Option<String>,
    /// Words to select by; `slow` is left out of a run that names no file.
    pub tags: Vec<String>,
    /// Sysctls whose effect it shows.
    #[serde(default)]
    pub exercises: Vec<Exercise>,
    /// Every variant of every matrix case, in the order of the file. Never empty.
    pub runs: Vec<RunSpec>,
    /// Judged for each matrix case once all of its variants have run.
    pub compare: Vec<Expectation>,
}

/// How much of a claim is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Truth {
    /// All of it.
    True,
    /// Nothing of it that matters.
    False,
    /// A part of it, or in some cases.
    Partly,
}

impl Truth {
    /// The word, as scenario files have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::Partly => "partly",
        }
    }
}

/// A sysctl whose effect a scenario shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exercise {
    /// Key with dots.
    pub key: String,
    /// The variant that shows it, where the scenario has variants.
    pub variant: Option<String>,
    /// Up to which value, where what it does takes time and the scenario ends before larger ones do anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u64>,
}

/// Which run of a scenario: a variant, a matrix case, both or neither.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId {
    /// The scenario's name.
    pub scenario: String,
    /// The variant's name, where the scenario has variants.
    pub variant: Option<String>,
    /// The matrix case: parameter and value, in the order of the file.
    pub case: Vec<(String, String)>,
    /// Which repetition, from 1, where a suite was asked to repeat its runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repetition: Option<u32>,
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
    /// Which run of its scenario this is.
    pub id: RunId,
    /// Every parameter with the value it had in this run.
    pub params: BTreeMap<String, String>,
    /// Nodes, links, addresses, routes, NAT.
    pub topology: Topology,
    /// Servers, clients, commands, steps.
    pub workload: Workload,
    /// What kernel and machine must have.
    pub requires: Requires,
    /// Host-wide sysctls: set only where the lab owns the kernel, else the run is not applicable.
    pub kernel_sysctls: BTreeMap<String, String>,
    /// What should happen: the scenario's own expectations, then the variant's.
    pub expect: Vec<Expectation>,
    /// Every series that its expectations name, or the scenario's comparisons of this variant: what must be watched closely.
    #[serde(default)]
    pub watched: Vec<SeriesName>,
    /// The worker is killed when the run takes longer than this, set-up included.
    #[serde(with = "units::duration")]
    pub timeout: Duration,
    /// How long to watch at least, from the start of the clock: the latest moment that an expectation's window names.
    #[serde(with = "units::duration")]
    pub watch_until: Duration,
    /// How often state is sampled.
    #[serde(with = "units::duration")]
    pub sample_every: Duration,
    /// Seeds everything random in the run.
    pub seed: u64,
    /// No other run of a suite goes beside it.
    #[serde(default)]
    pub exclusive: bool,
}

/// What must be there for the question to make sense; where it is not, the run is not applicable.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Requires {
    /// Kernel version bounds, all of which must hold.
    pub kernel: Vec<VersionBound>,
    /// Programs that must be found on `PATH`.
    pub programs: Vec<String>,
}

/// One bound on the kernel's version, like `>= 4.12`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionBound {
    /// The comparison; the running kernel stands on its left.
    pub op: super::expr::CompareOp,
    /// Major, minor, patch; what is not written is 0.
    pub version: (u32, u32, u32),
}
