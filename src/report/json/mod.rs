//! JSON for programs. Its types are separate and versioned, so that internals may change without breaking readers.
//!
//! The JSON Schema of these types is [`schema`], published as `docs/report.schema.json`.

mod types;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use types::*;

use super::evidence;
use crate::record::distribution::{count, merged, quantile};
use crate::record::{
    Built, ConntrackRoom, Environment, LoadReport, Offset, Outcome, Privileges, RunEnd, Series,
    SeriesKind, Verdict,
};
use crate::scenario::Truth;
use crate::suite::{
    EarlierAttempt, QuantitySpread, RunResult, ScenarioResult, Spread, SuiteResult,
};
use crate::units::Unit;

/// Increased whenever a reader of the previous version could be misled.
const VERSION: u32 = 1;

/// Renders a suite as indented JSON.
///
/// # Errors
/// None in practice: every part can be written as JSON.
pub fn render(result: &SuiteResult) -> serde_json::Result<String> {
    let report = SuiteReport {
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
        spread: result.spreads().iter().map(spread).collect(),
        not_run: result
            .not_run
            .iter()
            .map(|(file, run)| NotRun {
                file: file.label.clone(),
                run: run.to_string(),
            })
            .collect(),
    };
    serde_json::to_string_pretty(&report).map(|text| text + "\n")
}

/// Returns the JSON Schema of a report.
///
/// # Errors
/// None in practice: a schema can always be written as JSON.
pub fn schema() -> serde_json::Result<String> {
    let schema = schemars::schema_for!(SuiteReport);
    serde_json::to_string_pretty(&schema).map(|text| text + "\n")
}

fn word(outcome: Outcome) -> OutcomeWord {
    match outcome {
        Outcome::Passed => OutcomeWord::Passed,
        Outcome::Skipped => OutcomeWord::Skipped,
        Outcome::Flaky => OutcomeWord::Flaky,
        Outcome::NotApplicable => OutcomeWord::NotApplicable,
        Outcome::Inconclusive => OutcomeWord::Inconclusive,
        Outcome::Failed => OutcomeWord::Failed,
        Outcome::Errored => OutcomeWord::Errored,
    }
}

fn truth(truth: Truth) -> TruthWord {
    match truth {
        Truth::True => TruthWord::True,
        Truth::False => TruthWord::False,
        Truth::Partly => TruthWord::Partly,
    }
}

fn scenario_report(result: &ScenarioResult) -> ScenarioReport {
    let scenario = &result.file.scenario;
    ScenarioReport {
        name: scenario.name.clone(),
        title: scenario.title.clone(),
        file: result.file.label.clone(),
        claim: scenario.claim.clone(),
        truth: scenario.truth.map(truth),
        tags: scenario.tags.clone(),
        outcome: word(result.outcome()),
        emulated: evidence::scenario_emulated(result),
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
    let timeline = &run.timeline;
    let built = timeline.built.as_ref();
    let end = match timeline.end {
        Some(RunEnd::Finished { t, interrupted }) => Some((t, interrupted)),
        Some(RunEnd::NotApplicable(_) | RunEnd::Errored(_)) | None => None,
    };
    RunReport {
        variant: run.spec.id.variant.clone(),
        case: parameters(&run.spec.id.case),
        repetition: run.spec.id.repetition,
        attempts: run.earlier.iter().map(attempt).collect(),
        params: run.spec.params.clone(),
        outcome: word(run.verdict.outcome),
        reason: run.verdict.reason.clone(),
        emulated: evidence::emulated(run),
        emulations: built
            .map(|built| built.emulated.clone())
            .unwrap_or_default(),
        interrupted: matches!(end, Some((_, true))),
        conntrack_room: built.map(conntrack_room).unwrap_or_default(),
        took: run.took.as_secs_f64(),
        set_up: built.map(|built| seconds(built.took)),
        ended_at: end.map(|(t, _)| t.as_secs_f64()),
        expectations: run.verdict.verdicts.iter().map(expectation).collect(),
        loads: timeline.loads.iter().map(load).collect(),
        metrics: timeline.all_series().filter_map(metric).collect(),
        distributions: timeline.all_series().filter_map(distribution).collect(),
        environment: timeline.environment.as_ref().map(environment),
        notes: timeline
            .notes
            .iter()
            .map(|(at, text)| NotePart {
                at: at.map(Offset::as_secs_f64),
                text: text.clone(),
            })
            .collect(),
        last_words: run.last_words.clone(),
        record: path(&run.record),
        capture: path(&run.capture),
    }
}

fn spread(spread: &Spread) -> SpreadPart {
    let outcomes = spread.outcomes.iter();
    let quantity = |each: &QuantitySpread| {
        let [min, median, max] = each.values;
        QuantityPart {
            quantity: each.quantity.clone(),
            count: each.count,
            min,
            median,
            max,
        }
    };
    SpreadPart {
        file: spread.file.label.clone(),
        run: spread.run.to_string(),
        outcomes: outcomes
            .map(|(outcome, count)| OutcomeCount {
                outcome: word(*outcome),
                count: *count,
            })
            .collect(),
        quantities: spread.quantities.iter().map(quantity).collect(),
    }
}

fn attempt(attempt: &EarlierAttempt) -> AttemptPart {
    AttemptPart {
        outcome: word(attempt.outcome),
        reason: attempt.reason.clone(),
        took: attempt.took.as_secs_f64(),
        record: attempt
            .record
            .as_ref()
            .map(|path| path.display().to_string()),
    }
}

/// Replaces anything in a path that is not UTF-8, because JSON is text.
fn path(kept: &Result<Option<PathBuf>, String>) -> Option<String> {
    let path = kept.as_ref().ok()?.as_ref()?;
    Some(path.to_string_lossy().into_owned())
}

fn conntrack_room(built: &Built) -> BTreeMap<String, ConntrackRoomPart> {
    let part = |room: &ConntrackRoom| ConntrackRoomPart {
        room: room.room,
        max: room.max,
        filled: room.filled,
    };
    built
        .conntrack_room
        .iter()
        .map(|(node, room)| (node.clone(), part(room)))
        .collect()
}

fn metric(series: &Series) -> Option<(String, serde_json::Number)> {
    match series.declaration.kind {
        SeriesKind::Counter | SeriesKind::Gauge => {}
        SeriesKind::Text | SeriesKind::Distribution => return None,
    }
    let last = series.last()?;
    let value = match series.declaration.unit {
        Unit::Seconds => serde_json::Number::from_f64(last as f64 / 1e9)?,
        Unit::Count
        | Unit::Bytes
        | Unit::PerSecond
        | Unit::BytesPerSecond
        | Unit::Text
        | Unit::TcpState => last.into(),
    };
    Some((series.declaration.name.to_string(), value))
}

fn distribution(series: &Series) -> Option<(String, DistributionPart)> {
    if series.declaration.kind != SeriesKind::Distribution {
        return None;
    }
    let values = merged(series);
    let at = |share| {
        quantile(&values, share).map(|value| series.declaration.unit.from_record(value as f64))
    };
    let part = DistributionPart {
        count: count(&values),
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        max: at(1.0),
    };
    Some((series.declaration.name.to_string(), part))
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
        decided_at: verdict.decided_at.map(Offset::as_secs_f64),
        emulated: verdict.emulated,
    }
}

fn load(load: &LoadReport) -> LoadPart {
    let micros = |nanos: u64| seconds(nanos) * 1e6;
    LoadPart {
        client: load.client.to_string(),
        scheduled: load.scheduled,
        started: load.started,
        open_loop: load.open_loop,
        offered_rate: finite(load.offered_rate),
        achieved_rate: finite(load.achieved_rate),
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
            Privileges::Root => PrivilegesWord::Root,
            Privileges::Rootless => PrivilegesWord::Rootless,
        },
        owns_kernel: environment.owns_kernel,
        virtual_time: environment.virtual_time,
        seed: environment.seed,
        off_baseline: environment.off_baseline.clone(),
        kernel_sysctls: environment.kernel_sysctls.clone(),
    }
}

fn seconds(nanos: u64) -> f64 {
    std::time::Duration::from_nanos(nanos).as_secs_f64()
}

/// Returns `None` for infinity, which JSON does not have.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
