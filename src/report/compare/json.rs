//! A comparison as JSON for programs, with versioned types.

use serde::Serialize;

use super::terminal::word;
use super::words;
use crate::compare::{Better, Comparison, Effect, Rank, Sample, SideRuns, Trial};
use crate::units::Unit;

/// Increased whenever a reader of the previous version could be misled.
const VERSION: u32 = 1;

/// Effects behind a conclusion that are listed.
const DECISIVE: usize = 3;

#[derive(Serialize)]
struct TrialReport {
    version: u32,
    nslab: &'static str,
    scenario: String,
    variant: Option<String>,
    file: String,
    threshold: f64,
    confidence: f64,
    took_seconds: f64,
    interrupted: bool,
    emulated: bool,
    sides: Vec<SideReport>,
    comparisons: Vec<ComparisonReport>,
}

#[derive(Serialize)]
struct SideReport {
    set: char,
    settings: Vec<String>,
    runs: Vec<SideRunReport>,
}

#[derive(Serialize)]
struct SideRunReport {
    outcome: &'static str,
    reason: Option<String>,
    record: Option<String>,
}

#[derive(Serialize)]
struct ComparisonReport {
    set: char,
    with: char,
    #[serde(flatten)]
    answer: AnswerReport,
}

/// The conclusion of a comparison.
#[derive(Debug, Serialize)]
struct AnswerReport {
    /// `helps`, `hurts`, `trade`, `changes`, `no effect`, `not applicable`, `too noisy to tell`, `errored`.
    answer: &'static str,
    reason: Option<String>,
    sentence: String,
    effects: Vec<EffectReport>,
}

/// The conclusion of a comparison, with the effects behind it.
#[derive(Debug, Serialize)]
pub(in crate::report) struct BriefAnswer {
    answer: &'static str,
    reason: Option<String>,
    sentence: String,
    effects: Vec<BriefEffect>,
}

#[derive(Debug, Serialize)]
struct BriefEffect {
    metric: String,
    unit: &'static str,
    kind: &'static str,
    /// Mean of the first side.
    a: f64,
    /// Mean of the other side.
    b: f64,
    /// Confidence interval of the difference.
    interval: [f64; 2],
}

#[derive(Debug, Serialize)]
struct EffectReport {
    metric: String,
    /// `count`, `bytes`, `bytes-per-second` or `seconds`.
    unit: &'static str,
    /// `better`, `worse`, `changed`, `same` or `unclear`.
    kind: &'static str,
    /// `more`, `less` or `neither`.
    better: &'static str,
    /// `work`, `speed`, `sign` or `beside`.
    rank: &'static str,
    named: bool,
    a: SampleReport,
    b: SampleReport,
    difference: f64,
    interval: [f64; 2],
    matters_from: f64,
}

#[derive(Debug, Serialize)]
struct SampleReport {
    count: usize,
    mean: f64,
    deviation: f64,
    least: f64,
    greatest: f64,
}

/// Renders a comparison as indented JSON.
///
/// # Errors
/// None in practice: every part can be written as JSON.
pub fn render(trial: &Trial) -> serde_json::Result<String> {
    let first = trial.sides.first().map(|tried| &tried.side);
    let letter = first.map_or('a', |side| side.letter);
    let report = TrialReport {
        version: VERSION,
        nslab: env!("CARGO_PKG_VERSION"),
        scenario: first.map_or_else(String::new, |side| side.spec.id.scenario.clone()),
        variant: first.and_then(|side| side.spec.id.variant.clone()),
        file: first.map_or_else(String::new, |side| side.file.label.clone()),
        threshold: trial.threshold,
        confidence: 0.95,
        took_seconds: trial.took.as_secs_f64(),
        interrupted: trial.interrupted,
        emulated: words::emulated(&trial.sides),
        sides: trial.sides.iter().map(side).collect(),
        comparisons: trial
            .sides
            .iter()
            .skip(1)
            .zip(&trial.comparisons)
            .map(|(tried, comparison)| ComparisonReport {
                set: tried.side.letter,
                with: letter,
                answer: answer(comparison),
            })
            .collect(),
    };
    serde_json::to_string_pretty(&report).map(|text| text + "\n")
}

fn side(tried: &SideRuns) -> SideReport {
    let runs = tried.runs.iter().map(|run| SideRunReport {
        outcome: run.verdict.outcome.as_str(),
        reason: run.verdict.reason.clone(),
        record: (run.record.as_ref().ok())
            .and_then(Option::as_ref)
            .map(|path| path.display().to_string()),
    });
    SideReport {
        set: tried.side.letter,
        settings: tried
            .side
            .settings
            .iter()
            .map(ToString::to_string)
            .collect(),
        runs: runs.collect(),
    }
}

/// Returns the conclusion in the form of the JSON report.
fn answer(comparison: &Comparison) -> AnswerReport {
    AnswerReport {
        answer: comparison.answer.as_str(),
        reason: comparison.reason.clone(),
        sentence: words::sentence(comparison),
        effects: comparison.effects.iter().map(effect).collect(),
    }
}

/// Returns the conclusion with the effects behind it only.
pub(in crate::report) fn brief_answer(comparison: &Comparison) -> BriefAnswer {
    let decisive = comparison.decisive();
    let brief = |effect: &Effect| BriefEffect {
        metric: effect.metric.clone(),
        unit: unit(effect),
        kind: word(effect.kind),
        a: effect.a.mean,
        b: effect.b.mean,
        interval: effect.interval,
    };
    BriefAnswer {
        answer: comparison.answer.as_str(),
        reason: comparison.reason.clone(),
        sentence: words::sentence(comparison),
        effects: decisive.into_iter().take(DECISIVE).map(brief).collect(),
    }
}

fn unit(effect: &Effect) -> &'static str {
    match effect.unit {
        Unit::Count | Unit::PerSecond | Unit::Text | Unit::TcpState => "count",
        Unit::Bytes => "bytes",
        Unit::BytesPerSecond => "bytes-per-second",
        Unit::Seconds => "seconds",
    }
}

fn effect(effect: &Effect) -> EffectReport {
    EffectReport {
        metric: effect.metric.clone(),
        unit: unit(effect),
        kind: word(effect.kind),
        better: match effect.better {
            Better::More => "more",
            Better::Less => "less",
            Better::Neither => "neither",
        },
        rank: match effect.rank {
            Rank::Work => "work",
            Rank::Errors => "errors",
            Rank::Speed => "speed",
            Rank::Sign => "sign",
            Rank::Beside => "beside",
        },
        named: effect.named,
        a: sample(&effect.a),
        b: sample(&effect.b),
        difference: effect.difference,
        interval: effect.interval,
        matters_from: effect.margin,
    }
}

fn sample(sample: &Sample) -> SampleReport {
    SampleReport {
        count: sample.count,
        mean: sample.mean,
        deviation: sample.deviation,
        least: sample.least,
        greatest: sample.greatest,
    }
}
