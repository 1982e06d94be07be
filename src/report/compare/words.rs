//! The sentences about comparisons that all formats share.

use super::figure;
use crate::compare::{Comparison, Conclusion, Effect, EffectKind, Side, SideRuns};
use crate::record::Outcome;

/// Figures that fit into a sentence.
const FIGURES: usize = 3;

/// Returns the settings of a side.
pub(super) fn settings(side: &Side) -> String {
    if side.settings.is_empty() {
        return "unchanged scenario".to_owned();
    }
    let each: Vec<String> = side.settings.iter().map(ToString::to_string).collect();
    each.join(", ")
}

/// Returns the conclusion with the figures behind it.
pub(in crate::report) fn sentence(comparison: &Comparison) -> String {
    let answer = comparison.answer.as_str();
    if let Some(reason) = &comparison.reason {
        return format!("{answer}: {reason}");
    }
    let decisive = comparison.decisive();
    if comparison.answer == Conclusion::Trade {
        let of = |kind: EffectKind| {
            let effects: Vec<&Effect> = decisive
                .iter()
                .filter(|effect| effect.kind == kind)
                .copied()
                .collect();
            figures(&effects)
        };
        let (better, worse) = (of(EffectKind::Better), of(EffectKind::Worse));
        return format!("{answer}: better: {better}; worse: {worse}");
    }
    if decisive.is_empty() {
        return answer.to_owned();
    }
    if comparison.answer == Conclusion::NoEffect {
        let shown: Vec<String> = decisive
            .iter()
            .take(FIGURES)
            .map(|each| figure::brief(each))
            .collect();
        return format!("{answer}: {}", shown.join("; "));
    }
    format!("{answer}: {}", figures(&decisive))
}

/// Returns the first figures, and the number of the others.
fn figures(effects: &[&Effect]) -> String {
    let shown: Vec<String> = effects
        .iter()
        .take(FIGURES)
        .map(|effect| figure::brief(effect))
        .collect();
    let shown = shown.join("; ");
    match effects.len().saturating_sub(FIGURES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Returns the outcome of the scenario's own expectations on a side.
pub(super) fn expectations(tried: &SideRuns) -> Option<String> {
    let judged = |outcome: Outcome| {
        tried
            .runs
            .iter()
            .filter(move |run| run.verdict.outcome == outcome)
    };
    let (passed, all) = (judged(Outcome::Passed).count(), tried.runs.len());
    let any = tried
        .runs
        .iter()
        .any(|run| !run.verdict.verdicts.is_empty());
    any.then(|| format!("{passed} of {all} runs met the scenario's expectations"))
}

/// Returns whether the lab emulated a kernel feature on any side.
pub(super) fn emulated(sides: &[SideRuns]) -> bool {
    let mut runs = sides.iter().flat_map(|side| &side.runs);
    runs.any(|run| run.timeline.emulated())
}

/// Returns whether a metric is shown without `--verbose`: it decides, the scenario is about it, or it moved.
pub(super) fn is_shown(effect: &Effect) -> bool {
    use crate::compare::{EffectKind, Rank};
    let any = [&effect.a, &effect.b]
        .into_iter()
        .any(|side| side.greatest != 0.0);
    effect.named
        || (any && effect.rank <= Rank::Speed)
        || matches!(
            effect.kind,
            EffectKind::Better | EffectKind::Worse | EffectKind::Changed
        )
}
