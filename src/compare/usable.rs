//! The runs of a comparison that can be judged, and the reasons why the others cannot.

use super::comparison::{Conclusion, FEWEST_RUNS};
use super::effect::Effect;
use crate::expect;
use crate::record::Outcome;
use crate::scenario::RunSpec;
use crate::suite::RunResult;

/// Returns the reason why a whole side cannot be judged: none of its runs finished.
pub(super) fn obstacle(side: &[RunResult]) -> Option<(Conclusion, String)> {
    let outcomes = || side.iter().map(|run| run.verdict.outcome);
    let reason = |outcome| {
        let run = side.iter().find(|run| run.verdict.outcome == outcome)?;
        run.verdict.reason.clone()
    };
    if outcomes().any(|outcome| outcome == Outcome::NotApplicable) {
        let reason = reason(Outcome::NotApplicable).unwrap_or_default();
        return Some((Conclusion::NotApplicable, reason));
    }
    if !side.is_empty() && outcomes().all(|outcome| outcome == Outcome::Errored) {
        let reason = reason(Outcome::Errored).unwrap_or_default();
        return Some((Conclusion::Errored, reason));
    }
    None
}

pub(super) fn was_built(run: &RunResult) -> bool {
    run.timeline.built.is_some()
}

/// Returns the runs with the load that the scenario asks for. Their expectations do not matter: the scenario wrote
/// them for its own settings.
pub(super) fn usable(side: &[RunResult]) -> Vec<&RunResult> {
    side.iter()
        .filter(|run| why_unusable(run).is_none())
        .collect()
}

pub(super) fn why_unusable(run: &RunResult) -> Option<String> {
    let bare = RunSpec {
        expect: Vec::new(),
        ..run.spec.clone()
    };
    // The reason of an errored run comes from the death of its worker, which the timeline may not show.
    let verdict = match run.verdict.outcome {
        Outcome::Errored if run.timeline.end.is_none() => run.verdict.clone(),
        _ => expect::judge(&bare, &run.timeline),
    };
    (verdict.outcome != Outcome::Passed).then(|| verdict.reason.unwrap_or_default())
}

pub(super) fn too_few(a: &[RunResult], b: &[RunResult]) -> String {
    let bad: Vec<String> = a.iter().chain(b).filter_map(why_unusable).collect();
    let all = a.len() + b.len();
    match bad.first() {
        Some(why) => format!(
            "{} of {all} runs cannot be judged; the first: {why}",
            bad.len()
        ),
        None => format!("{all} runs are too few; each side needs {FEWEST_RUNS}"),
    }
}

/// Returns true if another attempt at a run may be usable: the machine did not keep up, and neither a limit of the load
/// itself nor virtual time, in which every attempt is the same, is the reason.
pub(super) fn deserves_another_attempt(run: &RunResult) -> bool {
    run.verdict.outcome == Outcome::Inconclusive
        && why_unusable(run).is_some()
        && run.timeline.virtual_time().is_none()
        && !expect::is_at_a_limit(&run.spec, &run.timeline)
}

/// Returns the reason if a program of the scenario failed in every run of both sides where the scenario wants it to
/// succeed: runs without its part are alike, and say nothing.
pub(super) fn failed_program(
    a: &[&RunResult],
    b: &[&RunResult],
    effects: &[Effect],
) -> Option<String> {
    let first = a.first()?;
    let runs = || a.iter().chain(b);
    let named = |at: usize, series: &str| {
        let expectation = first.spec.expect.get(at);
        expectation.is_some_and(|each| {
            let mut metrics = each.metrics().into_iter();
            metrics.any(|metric| metric.series.as_str() == series)
        })
    };
    let mut commands = first.spec.workload.commands.iter();
    let failed = commands.find(|command| {
        let series = format!("{}.exit", command.name);
        let fails = |at: usize| {
            named(at, &series)
                && runs().all(|run| {
                    let verdict = run.verdict.verdicts.get(at);
                    verdict.is_some_and(|verdict| verdict.outcome == Outcome::Failed)
                })
        };
        let mut measured = effects.iter();
        let exit = measured.find(|effect| effect.metric == series);
        exit.is_some_and(|exit| exit.a.mean != 0.0 && exit.b.mean != 0.0)
            && (0..first.spec.expect.len()).any(fails)
    })?;
    Some(format!(
        "the scenario's program `{}` failed with and without the setting, so the runs show nothing",
        failed.name
    ))
}
