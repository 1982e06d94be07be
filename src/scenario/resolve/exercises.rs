//! Resolves `exercises:` and checks that its rules fit the parameters of the scenario.

use std::collections::BTreeMap;

use super::sysctl::check_key;
use crate::scenario::decode::{Entries, OneOrMany};
use crate::scenario::document::{
    ExerciseDoc, ExerciseFormDoc, ExercisesDoc, Text, VariantExercises,
};
use crate::scenario::exercise::{
    CurveRule, Exercise, SizeRule, TRIED, TradeOff, TriedValues, fill,
};
use crate::scenario::model::RunSpec;
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::span::Spanned;
use crate::scenario::suggest;

/// Values with which the rules are tried when a file is checked.
const EXAMPLE: TriedValues = TriedValues {
    value: 2000.0,
    reference: 1000.0,
};

/// Resolves the exercises of a file whose runs are known.
pub(crate) fn exercises(
    written: ExercisesDoc,
    variants: &[String],
    runs: &[RunSpec],
    cx: &mut Collector<'_>,
) -> Vec<Exercise> {
    let mut exercises = Vec::new();
    for VariantExercises { variant, keys } in written.0 {
        if let Some(named) = &variant
            && !variants.contains(&named.value)
        {
            let known = variants.iter().map(String::as_str);
            let help = suggest::did_you_mean(&named.value, known)
                .unwrap_or_else(|| "the scenario has no variants; write a list of keys".to_owned());
            cx.error(
                named.span,
                format!("{} is not a variant of this scenario", quoted(&named.value)),
            )
            .help(help);
        }
        let variant = variant
            .map(|named| named.value)
            .or_else(|| variants.first().cloned());
        let run = runs.iter().find(|run| run.id.variant == variant);
        let nothing = BTreeMap::new();
        let params = run.map_or(&nothing, |run| &run.params);
        for written in keys {
            exercises.push(match written {
                ExerciseDoc::Key(written) => short(&written, variant.clone(), cx),
                ExerciseDoc::Form(form) => long(*form, variant.clone(), params, cx),
            });
        }
    }
    exercises
}

/// Reads a key, perhaps with the largest value that shows its effect: `net.ipv4.tcp_fin_timeout <= 35`.
fn short(written: &Spanned<Text>, variant: Option<String>, cx: &mut Collector<'_>) -> Exercise {
    let text = &written.value.0;
    let (key, bound) = match text.split_once("<=") {
        Some((key, bound)) => (key.trim_end(), Some(bound.trim())),
        None => (text.as_str(), None),
    };
    let at_most = bound.and_then(|bound| bound.parse().ok());
    if let (Some(bound), None) = (bound, at_most) {
        let message = format!("{} is not a whole number", quoted(bound));
        cx.error(written.span, message).help(
            "write the largest value that shows the effect of the key: \
            `net.ipv4.tcp_fin_timeout <= 35`",
        );
    }
    check_key(key, written.span, cx);
    Exercise {
        at_most,
        ..Exercise::of(key, variant)
    }
}

fn long(
    form: ExerciseFormDoc,
    variant: Option<String>,
    params: &BTreeMap<String, String>,
    cx: &mut Collector<'_>,
) -> Exercise {
    let key = form.key.value.0;
    check_key(&key, form.key.span, cx);
    if let Some(size) = &form.size
        && form.at_most.is_none()
        && let Some((first, _)) = size.0.first()
    {
        cx.error(first.span, "`size` needs `at-most`").help(
            "state the largest limit that the lab can reach, so that larger values are not reported as without effect",
        );
    }
    let mut exercise = Exercise {
        at_most: form.at_most.map(|count| count.0),
        ..Exercise::of(key, variant)
    };
    for (param, rule) in form.size.map(|size| size.0).unwrap_or_default() {
        if TRIED.contains(&param.value.as_str()) || !params.contains_key(&param.value) {
            let known = params.keys().map(String::as_str);
            let help = suggest::did_you_mean(&param.value, known)
                .unwrap_or_else(|| format!("declare it: `params: {{ {}: VALUE }}`", param.value));
            cx.error(
                param.span,
                format!("unknown parameter {}", quoted(&param.value)),
            )
            .help(help);
            continue;
        }
        let Some(rule) = rule else { continue };
        exercise.size.push(SizeRule {
            param: param.value,
            rule: rule.value.0,
        });
        if let Err(why) = exercise.sized(EXAMPLE, params) {
            cx.error(rule.span, format!("cannot be calculated: {why}"))
                .help("use `value`, `reference`, `limit` and the parameters of the scenario");
            exercise.size.pop();
        }
    }
    let text = |written: Option<Spanned<Text>>, cx: &mut Collector<'_>| {
        let written = written?;
        if let Err(why) = fill(&written.value.0, Some(EXAMPLE), params) {
            cx.error(written.span, format!("cannot be filled in: {why}")).help(
                "`${..}` takes a parameter, or an expression over `value`, `reference`, `limit` and parameters",
            );
        }
        Some(written.value.0)
    };
    exercise.needs = text(form.needs, cx);
    exercise.condition = text(form.condition, cx);
    let curve = form
        .curve
        .and_then(|written| curve(written, &exercise, params, cx));
    let along = form.along.map(|along| along.0);
    exercise.curve = curve.map(|curve| CurveRule { along, ..curve });
    exercise.trade = form.trade.map(|trade| TradeOff {
        lower: trade.lower.0,
        higher: trade.higher.0,
    });
    exercise
}

/// Checks the points of a curve: values of one parameter of the scenario.
fn curve(
    written: Entries<Spanned<OneOrMany<Text>>>,
    exercise: &Exercise,
    params: &BTreeMap<String, String>,
    cx: &mut Collector<'_>,
) -> Option<CurveRule> {
    let mut each = written.0.into_iter();
    let (param, points) = each.next()?;
    if let Some((second, _)) = each.next() {
        cx.error(second.span, "a curve varies only one parameter")
            .help("remove all but one; `size` can make others follow it");
    }
    if !params.contains_key(&param.value) {
        let known = params.keys().map(String::as_str);
        let help = suggest::did_you_mean(&param.value, known)
            .unwrap_or_else(|| format!("declare it: `params: {{ {}: VALUE }}`", param.value));
        let message = format!("unknown parameter {}", quoted(&param.value));
        cx.error(param.span, message).help(help);
        return None;
    }
    let points = points?;
    let rule = CurveRule {
        param: param.value,
        points: points.value.0.into_iter().map(|point| point.0).collect(),
        along: None,
    };
    let tried = Exercise {
        curve: Some(rule.clone()),
        ..exercise.clone()
    };
    if let Err(why) = tried.points_at(EXAMPLE, params) {
        cx.error(points.span, format!("cannot be calculated: {why}"))
            .help("use `value`, `reference`, `limit` and the parameters of the scenario");
        return None;
    }
    Some(rule)
}
