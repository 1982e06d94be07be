//! Advice as JSON, for programs. The types are versioned and used only here.

use serde::Serialize;

use super::words;
use crate::advise::{
    Advice, CurvePoint, EffectCurve, Experiment, KeyFacts, KeyScope, LineAdvice, LineMeaning,
};
use crate::compare::Conclusion;
use crate::report::compare::{BriefAnswer, brief_answer};
use crate::sysctls::About;

/// Increased whenever a reader of the previous version could be misled.
const VERSION: u32 = 3;

/// Keys of a line that are listed.
const KEYS: usize = 20;

#[derive(Serialize)]
struct AdviceReport {
    version: u32,
    nslab: &'static str,
    sources: Vec<String>,
    /// The state that every line is compared with, as in `this host as it is`.
    reference: String,
    /// The kernel on which the effects were measured, if it is not this one.
    kernel: Option<String>,
    /// True if a line hurts or cannot apply.
    bad: bool,
    cut_short: Option<&'static str>,
    took_seconds: f64,
    lines: Vec<LineReport>,
    /// The answer for all lines together, if they were run together.
    whole: Option<&'static str>,
    /// Positions of the lines to blame if the lines together hurt, among `lines`, from 0. Empty if no single line is to
    /// blame, null if the search was not completed.
    blame: Option<Vec<usize>>,
    together: Vec<ExperimentReport>,
}

#[derive(Serialize)]
struct LineReport {
    file: String,
    line: usize,
    text: String,
    /// `helps`, `hurts`, `no effect`, `cannot apply`, `host-wide`, `already so`, `security`, `not measured`, ...
    ruling: &'static str,
    /// `speed`, `limits`, `memory`, `security`, `role`, `log`, `ipv6` or `obsolete`: the subject of the key.
    about: Option<&'static str>,
    /// The programs or hosts that gain from the line, if others lose.
    helps: Option<String>,
    /// The programs or hosts that lose from the line, if others gain.
    costs: Option<String>,
    /// True if a run decided the ruling.
    measured: bool,
    /// The condition under which the ruling holds, if it is known.
    condition: Option<String>,
    bad: bool,
    /// True if `--allow` names the key.
    allowed: bool,
    value: Option<String>,
    sentences: Vec<String>,
    /// The first keys of the line; a pattern may match thousands.
    keys: Vec<KeyReport>,
    /// The number of keys that are not listed.
    more_keys: usize,
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
    /// The load that would be needed, if the scenario is sized by the value.
    needs: Option<String>,
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
    /// The load and the path in which the answer holds.
    condition: String,
    /// Modes that the scenario sets or labs do not have, with the values that held on both sides.
    conditions: Vec<String>,
    /// Positions of other lines that held on both sides, among `lines`, from 0.
    beside: Vec<usize>,
    /// The load and the path of the runs, if `condition` does not begin with them.
    load: Option<String>,
    emulated: bool,
    /// True if it was measured before; then there are no records.
    cached: bool,
    #[serde(flatten)]
    answer: BriefAnswer,
    /// The effect along a parameter of the scenario, if it was measured at several points (`--curves`).
    #[serde(skip_serializing_if = "Option::is_none")]
    curve: Option<CurveReport>,
    /// The folder with the records of its runs.
    records: Option<String>,
}

#[derive(Serialize)]
struct CurveReport {
    param: String,
    /// The parameter in words that follow its value.
    along: Option<String>,
    metric: String,
    /// Each was run; nothing between them was.
    points: Vec<PointReport>,
}

#[derive(Serialize)]
struct PointReport {
    at: String,
    answer: &'static str,
    /// The mean of the metric without the line, and with it.
    without: f64,
    with: f64,
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
        kernel: advice.kernel.clone(),
        bad: advice.is_bad(),
        cut_short: advice.cut_short,
        took_seconds: advice.took.as_secs_f64(),
        lines: advice.lines.iter().map(|each| line(each, advice)).collect(),
        whole: advice.whole().map(Conclusion::as_str),
        blame: advice.blame.clone(),
        together: advice.together.iter().map(experiment).collect(),
    };
    // On one line: indentation is a third of the report of a long file.
    serde_json::to_string(&report).map(|text| text + "\n")
}

fn line(line: &LineAdvice, advice: &Advice) -> LineReport {
    let ruling = line.ruling();
    LineReport {
        file: line.entry.place.file.clone(),
        line: line.entry.place.line,
        text: line.entry.text.clone(),
        ruling: ruling.as_str(),
        about: line.facts.first().and_then(about),
        helps: line.trade().map(|(gains, _)| gains.to_owned()),
        costs: line.trade().map(|(_, loses)| loses.to_owned()),
        measured: line.is_measured(),
        condition: line.condition(),
        bad: line.is_bad(),
        allowed: line.allowed,
        value: match &line.entry.meaning {
            LineMeaning::Sets { value, .. } => Some(value.clone()),
            LineMeaning::Wrong(_) | LineMeaning::Excludes | LineMeaning::Overridden { .. } => None,
        },
        sentences: words::sentences(line, advice),
        keys: line.facts.iter().take(KEYS).map(key).collect(),
        more_keys: line.facts.len().saturating_sub(KEYS),
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
            .map(|each| ShortScenario {
                scenario: each.scenario.clone(),
                at_most: each.at_most,
                needs: each.needs.clone(),
            })
            .collect(),
    }
}

fn about(key: &KeyFacts) -> Option<&'static str> {
    key.statement()?.about.map(|about| match about {
        About::Speed => "speed",
        About::Limits => "limits",
        About::Memory => "memory",
        About::Security => "security",
        About::Role => "role",
        About::Log => "log",
        About::Ipv6 => "ipv6",
        About::Obsolete => "obsolete",
    })
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
        condition: experiment.condition(),
        conditions: experiment.conditions.clone(),
        beside: experiment.beside.clone(),
        load: experiment.load.clone(),
        emulated: experiment.emulated,
        cached: experiment.cached,
        answer: brief_answer(&experiment.comparison),
        curve: experiment.curve.as_ref().map(curve),
        records: words::records(experiment),
    }
}

fn curve(curve: &EffectCurve) -> CurveReport {
    let point = |point: &CurvePoint| PointReport {
        at: point.at.clone(),
        answer: point.answer.as_str(),
        without: point.means[0],
        with: point.means[1],
    };
    CurveReport {
        param: curve.param.clone(),
        along: curve.along.clone(),
        metric: curve.metric.clone(),
        points: curve.points.iter().map(point).collect(),
    }
}
