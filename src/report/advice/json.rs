//! Advice as JSON, for programs. The types are versioned and used only here.

use serde::Serialize;

use super::words;
use crate::advise::{Advice, Experiment, KeyFacts, KeyScope, LineAdvice, LineMeaning};
use crate::report::compare::{AnswerReport, answer};

/// Increased whenever a reader of the previous version could be misled.
const VERSION: u32 = 2;

#[derive(Serialize)]
struct AdviceReport {
    version: u32,
    nslab: &'static str,
    sources: Vec<String>,
    /// The state that every line is compared with, as in `this host as it is`.
    reference: String,
    /// True if a line hurts or cannot apply.
    bad: bool,
    cut_short: Option<&'static str>,
    took_seconds: f64,
    lines: Vec<LineReport>,
    together: Vec<ExperimentReport>,
}

#[derive(Serialize)]
struct LineReport {
    file: String,
    line: usize,
    text: String,
    /// `helps`, `hurts`, `no effect`, `cannot apply`, `host-wide`, `already so`, `security`, `not measured`, ...
    ruling: &'static str,
    /// True if a run decided the ruling.
    measured: bool,
    /// The condition under which the ruling holds, if it is known.
    condition: Option<String>,
    bad: bool,
    /// True if `--allow` names the key.
    allowed: bool,
    value: Option<String>,
    sentences: Vec<String>,
    keys: Vec<KeyReport>,
    experiments: Vec<ExperimentReport>,
    not_run: Vec<SkippedScenario>,
    too_short: Vec<ShortScenario>,
}

#[derive(Serialize)]
struct SkippedScenario {
    scenario: String,
    reason: &'static str,
}

/// A scenario that ends before the value of the line has an effect.
#[derive(Serialize)]
struct ShortScenario {
    scenario: String,
    at_most: u64,
}

#[derive(Serialize)]
struct KeyReport {
    key: String,
    /// `namespace`, `kernel` or `nobody`.
    whose: &'static str,
    /// The purpose of the key, today or once, as a sentence of the document that `source` names.
    says: Option<&'static str>,
    source: Option<&'static str>,
    /// The value in the reference that the line is compared with.
    reference: Option<String>,
    /// The kernel's default, if it is known.
    default: Option<String>,
    /// The value on this host.
    here: Option<String>,
    /// The reason why the kernel does not accept the value, if it does not.
    refusal: Option<String>,
}

#[derive(Serialize)]
struct ExperimentReport {
    scenario: String,
    variant: Option<String>,
    /// Positions among `lines`, from 0.
    lines: Vec<usize>,
    fixed: Vec<String>,
    /// Settings of the user that held on both sides.
    conditions: Vec<String>,
    emulated: bool,
    #[serde(flatten)]
    answer: AnswerReport,
    records: Vec<String>,
}

/// Renders advice as JSON.
///
/// # Errors
/// Never in practice, because every part has a form in JSON.
pub fn render(advice: &Advice) -> serde_json::Result<String> {
    let report = AdviceReport {
        version: VERSION,
        nslab: env!("CARGO_PKG_VERSION"),
        sources: advice.sources.clone(),
        reference: advice.reference.clone(),
        bad: advice.is_bad(),
        cut_short: advice.cut_short,
        took_seconds: advice.took.as_secs_f64(),
        lines: advice.lines.iter().map(|each| line(each, advice)).collect(),
        together: advice.together.iter().map(experiment).collect(),
    };
    serde_json::to_string_pretty(&report).map(|text| text + "\n")
}

fn line(line: &LineAdvice, advice: &Advice) -> LineReport {
    let ruling = line.ruling();
    LineReport {
        file: line.entry.place.file.clone(),
        line: line.entry.place.line,
        text: line.entry.text.clone(),
        ruling: ruling.as_str(),
        measured: line.is_measured(),
        condition: None,
        bad: line.is_bad(),
        allowed: line.allowed,
        value: match &line.entry.meaning {
            LineMeaning::Sets { value, .. } => Some(value.clone()),
            LineMeaning::Wrong(_) | LineMeaning::Excludes | LineMeaning::Overridden(_) => None,
        },
        sentences: words::sentences(line, advice),
        keys: line.facts.iter().map(key).collect(),
        experiments: line.experiments.iter().map(experiment).collect(),
        not_run: line
            .not_run
            .iter()
            .map(|(scenario, reason)| SkippedScenario {
                scenario: scenario.clone(),
                reason,
            })
            .collect(),
        too_short: line
            .too_short
            .iter()
            .map(|(scenario, at_most)| ShortScenario {
                scenario: scenario.clone(),
                at_most: *at_most,
            })
            .collect(),
    }
}

fn key(key: &KeyFacts) -> KeyReport {
    KeyReport {
        key: key.key.clone(),
        whose: match key.scope {
            KeyScope::Namespace => "namespace",
            KeyScope::Kernel => "kernel",
            KeyScope::Missing => "nobody",
        },
        says: key.statement().map(|setting| setting.says),
        source: key.statement().map(|setting| setting.source),
        reference: key.reference.clone(),
        default: key.default.clone(),
        here: key.here.clone(),
        refusal: key.refusal(),
    }
}

fn experiment(experiment: &Experiment) -> ExperimentReport {
    ExperimentReport {
        scenario: experiment.scenario.clone(),
        variant: experiment.variant.clone(),
        lines: experiment.lines.clone(),
        fixed: experiment.fixed.clone(),
        conditions: experiment.conditions.clone(),
        emulated: experiment.emulated,
        answer: answer(&experiment.comparison),
        records: experiment
            .records
            .iter()
            .map(|path| path.display().to_string())
            .collect(),
    }
}
