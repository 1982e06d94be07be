//! Compares the runs of two sides: an effect for each metric, and one conclusion from all of them.

use regex::Regex;
use serde::{Deserialize, Serialize};

use std::collections::{BTreeMap, BTreeSet};

use super::effect::{Effect, EffectKind, Sample, bounds, difference, kind};
use super::metric::{Better, Rank, direction, is_failure, is_latency, is_meaningless, series_of};
use super::noise::margin;
use super::usable::{failed_program, obstacle, too_few, usable, was_built};
use crate::metrics::kernel::LOG_NAME;
use crate::record::{Measure, Series, SeriesKind, measures};
use crate::scenario::RunSpec;
use crate::scenario::expr::{Claim, Expectation};
use crate::suite::RunResult;
use crate::units::Unit;

/// Probability that any interval of a comparison misses the true difference. Metrics with a better direction and all
/// others share one such probability each.
const ALPHA: f64 = 0.05;
/// Runs that each side needs; fewer do not show the noise.
pub const FEWEST_RUNS: usize = 3;

/// The conclusion of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Conclusion {
    Helps,
    /// Every metric that clients would notice is known to be the same within the threshold.
    NoEffect,
    /// A metric of the expectations or a kernel counter differs, and it is neither better nor worse.
    Changes,
    /// This kernel or machine cannot run the scenario with these settings.
    NotApplicable,
    /// The runs are too noisy, or too few of them can be judged.
    TooNoisy,
    /// Something is better and something is worse.
    Trade,
    Hurts,
    /// The comparison could not be made.
    Errored,
}

impl Conclusion {
    /// Returns the word shown to people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Helps => "helps",
            Self::NoEffect => "no effect",
            Self::Changes => "changes",
            Self::NotApplicable => "not applicable",
            Self::TooNoisy => "too noisy to tell",
            Self::Trade => "trade",
            Self::Hurts => "hurts",
            Self::Errored => "errored",
        }
    }
}

/// The comparison of a set with the first set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Comparison {
    pub answer: Conclusion,
    /// The reason, if no effect shows it: what this kernel lacks, how many runs could not be judged.
    pub reason: Option<String>,
    /// All metrics: by rank, and within a rank those that the scenario names first.
    pub effects: Vec<Effect>,
}

impl Comparison {
    /// Compares the runs of two sides. `threshold` is the share from which a difference matters.
    pub fn of(a: &[RunResult], b: &[RunResult], threshold: f64) -> Self {
        Self::with_looks(a, b, threshold, 1)
    }

    /// Compares sides that are compared several times while runs are added: each time uses a part of the probability to
    /// miss.
    pub(super) fn with_looks(
        a: &[RunResult],
        b: &[RunResult],
        threshold: f64,
        looks: usize,
    ) -> Self {
        let without = |answer, reason| Self {
            answer,
            reason: Some(reason),
            effects: Vec::new(),
        };
        if let Some((answer, reason)) = obstacle(a) {
            return without(answer, reason);
        }
        match obstacle(b) {
            // The lab can be built without these settings but not with them.
            Some((Conclusion::Errored, reason)) if !b.iter().any(was_built) => {
                return without(Conclusion::NotApplicable, reason);
            }
            Some((answer, reason)) => return without(answer, reason),
            None => {}
        }
        let (usable_a, usable_b) = (usable(a), usable(b));
        if usable_a.len().min(usable_b.len()) < FEWEST_RUNS {
            return without(Conclusion::TooNoisy, too_few(a, b));
        }
        let effects = effects(&usable_a, &usable_b, threshold, ALPHA / looks.max(1) as f64);
        let answer = answer(&effects);
        let is_same = matches!(answer, Conclusion::NoEffect | Conclusion::Changes);
        if let Some(reason) = failed_program(&usable_a, &usable_b, &effects).filter(|_| is_same) {
            return without(Conclusion::NotApplicable, reason);
        }
        Self {
            answer,
            reason: None,
            effects,
        }
    }

    /// Returns true if more runs would not help: the kernel rejects a set, or the decisive metrics are counts that
    /// never varied and no other metric with a better direction is unclear.
    pub fn is_certain(&self) -> bool {
        let exact = |effect: &Effect| effect.a.deviation == 0.0 && effect.b.deviation == 0.0;
        let is_clear = |effect: &Effect| match decided_by(&self.effects) {
            _ if effect.better == Better::Neither => true,
            Some(rank) => effect.rank > rank || exact(effect),
            None => effect.kind == EffectKind::Same,
        };
        match self.answer {
            Conclusion::NotApplicable => true,
            Conclusion::TooNoisy | Conclusion::Errored => false,
            Conclusion::Helps
            | Conclusion::Hurts
            | Conclusion::Trade
            | Conclusion::NoEffect
            | Conclusion::Changes => {
                let effects = || self.effects.iter();
                effects().filter(|effect| is_essential(effect)).all(exact)
                    && effects().all(is_clear)
            }
        }
    }

    /// Returns the effects behind the conclusion: those of the decisive rank, or those that are unclear.
    pub fn decisive(&self) -> Vec<&Effect> {
        let of = |kinds: &[EffectKind], rank: Option<Rank>| -> Vec<&Effect> {
            let wanted = |effect: &&Effect| {
                kinds.contains(&effect.kind) && rank.is_none_or(|rank| effect.rank == rank)
            };
            self.effects.iter().filter(wanted).collect()
        };
        match self.answer {
            Conclusion::Helps | Conclusion::Hurts | Conclusion::Trade => of(
                &[EffectKind::Better, EffectKind::Worse],
                decided_by(&self.effects),
            ),
            Conclusion::Changes => {
                let effects = self.effects.iter();
                effects.filter(|effect| is_change(effect)).collect()
            }
            Conclusion::TooNoisy => of(&[EffectKind::Unclear], None)
                .into_iter()
                .filter(|effect| is_essential(effect) || is_noticed(effect))
                .collect(),
            Conclusion::NoEffect => of(&[EffectKind::Same], None)
                .into_iter()
                .filter(|effect| is_essential(effect) && effect.a.greatest != 0.0)
                .collect(),
            Conclusion::NotApplicable | Conclusion::Errored => Vec::new(),
        }
    }
}

/// The values of one metric on both sides.
#[derive(Default)]
struct Values {
    like: Option<Measure>,
    a: Vec<f64>,
    b: Vec<f64>,
}

fn effects(a: &[&RunResult], b: &[&RunResult], threshold: f64, miss: f64) -> Vec<Effect> {
    let Some(spec) = a.first().map(|run| &run.spec) else {
        return Vec::new();
    };
    let values = values(a, b);
    let attempts: f64 = values
        .iter()
        .filter(|(name, _)| is_attempted(name, spec))
        .filter_map(|(_, values)| Sample::of(&values.a))
        .map(|sample| sample.mean)
        .sum();
    let named: BTreeSet<&str> = spec
        .expect
        .iter()
        .flat_map(Expectation::metrics)
        .map(|metric| metric.series.as_str())
        .chain(spec.watched.iter().map(|series| series.as_str()))
        .collect();
    let judged: Vec<(Measure, Better, Rank, Sample, Sample)> = values
        .into_values()
        .filter_map(|values| {
            let measure = values.like?;
            let is_fair = spec.exclusive || spec.quiet || named.contains(series_of(&measure.name));
            let (better, rank) = match direction(&measure, spec) {
                (_, Rank::Speed) if is_latency(&measure.name) && !is_fair => {
                    (Better::Neither, Rank::Beside)
                }
                direction => direction,
            };
            let (a, b) = (Sample::of(&values.a)?, Sample::of(&values.b)?);
            Some((measure, better, rank, a, b))
        })
        .collect();
    // Every interval adds a chance to miss (Bonferroni). The few metrics that the scenario is about, or that a client
    // notices, share half of it, so that a hundred counters do not drown them.
    let family = |(measure, better, rank, ..): &(Measure, Better, Rank, Sample, Sample)| {
        let about = *rank <= Rank::Speed || named.contains(series_of(&measure.name));
        (*better == Better::Neither, about)
    };
    // A metric that is the same in every run of a side, on both sides, is not wrong by chance.
    let varies =
        |(.., a, b): &(Measure, Better, Rank, Sample, Sample)| a.deviation + b.deviation > 0.0;
    let alpha = |each| {
        let others = judged.iter().filter(|other| varies(other));
        let same = others.filter(|other| family(other) == family(each));
        miss / 2.0 / same.count().max(1) as f64
    };
    let mut effects: Vec<Effect> = judged
        .iter()
        .map(|each| {
            let (measure, better, rank, a, b) = each;
            let (difference, interval) = difference(a, b, alpha(each));
            let margin = margin((&measure.name, measure.unit), a.mean, attempts, threshold);
            Effect {
                metric: measure.name.clone(),
                unit: measure.unit,
                named: named.contains(series_of(&measure.name)),
                better: *better,
                rank: *rank,
                a: *a,
                b: *b,
                difference,
                interval,
                margin,
                kind: kind(difference, interval, bounds(a, b, miss), margin, *better),
            }
        })
        .collect();
    effects.sort_by(|x, y| {
        let size = |effect: &Effect| effect.difference.abs() / effect.margin.max(f64::MIN_POSITIVE);
        (x.rank.cmp(&y.rank))
            .then(y.named.cmp(&x.named))
            .then(size(y).total_cmp(&size(x)))
            .then(x.metric.cmp(&y.metric))
    });
    effects.iter_mut().for_each(in_base);
    effects
}

/// Collects every measure of every run. A counter that is absent from a run is 0 there; a distribution without
/// measurements has no value.
fn values(a: &[&RunResult], b: &[&RunResult]) -> BTreeMap<String, Values> {
    let mut all: BTreeMap<String, Values> = BTreeMap::new();
    for (runs, is_a) in [(a, true), (b, false)] {
        for run in runs {
            let measures = run.timeline.all_series().flat_map(|series| {
                let first = first_failure(series, &run.spec);
                let lines = lines_of_log(series, &run.spec);
                measures(series).into_iter().chain(first).chain(lines)
            });
            for measure in measures.filter(|measure| !is_meaningless(measure)) {
                let values = all.entry(measure.name.clone()).or_default();
                let side = if is_a { &mut values.a } else { &mut values.b };
                side.push(measure.value as f64);
                values.like.get_or_insert(measure);
            }
        }
    }
    for values in all.values_mut() {
        let counts = |measure: &Measure| measure.kind == SeriesKind::Counter;
        if values.like.as_ref().is_some_and(counts) {
            values.a.resize(a.len(), 0.0);
            values.b.resize(b.len(), 0.0);
        }
    }
    all
}

/// Returns the number of lines of the kernel's log that an expectation looks for, or wants absent.
fn lines_of_log(series: &Series, spec: &RunSpec) -> Option<Measure> {
    let name = &series.declaration.name;
    let wanted = spec.expect.iter().filter_map(|each| match &each.claim {
        Claim::Matches { metric, regex, .. } if metric.series == *name => Regex::new(regex).ok(),
        Claim::Matches { .. } | Claim::Compare { .. } | Claim::In { .. } => None,
    });
    let wanted: Vec<Regex> = wanted.collect();
    if name.as_str() != LOG_NAME || wanted.is_empty() {
        return None;
    }
    let matches = |line: &str| wanted.iter().any(|regex| regex.is_match(line));
    let found = series.lines.iter().filter(|(_, line)| matches(line));
    Some(Measure {
        name: format!("lines({name})"),
        value: i64::try_from(found.count()).ok()?,
        unit: Unit::Count,
        kind: SeriesKind::Counter,
    })
}

/// Returns the time at which a client first failed.
fn first_failure(series: &Series, spec: &RunSpec) -> Option<Measure> {
    let name = &series.declaration.name;
    if !is_failure(name.as_str(), spec) {
        return None;
    }
    let (at, _) = series.changes.iter().find(|(_, value)| *value > 0)?;
    Some(Measure {
        name: format!("first({name})"),
        value: i64::try_from(at.0).ok()?,
        unit: Unit::Seconds,
        kind: SeriesKind::Gauge,
    })
}

fn is_attempted(metric: &str, spec: &RunSpec) -> bool {
    metric.strip_suffix(".attempted").is_some_and(|owner| {
        let clients = &spec.workload.clients;
        clients.iter().any(|client| client.name.as_str() == owner)
    })
}

/// Converts the numbers of an effect from the record's unit to the base unit.
fn in_base(effect: &mut Effect) {
    let base = |value: f64| effect.unit.from_record(value);
    let sample = |sample: Sample| Sample {
        count: sample.count,
        mean: base(sample.mean),
        deviation: base(sample.deviation),
        least: base(sample.least),
        greatest: base(sample.greatest),
    };
    (effect.a, effect.b) = (sample(effect.a), sample(effect.b));
    effect.difference = base(effect.difference);
    effect.interval = effect.interval.map(base);
    effect.margin = base(effect.margin);
}

/// Returns the first rank in which anything is better or worse. Kernel counters alone decide nothing.
fn decided_by(effects: &[Effect]) -> Option<Rank> {
    let ranks = effects.iter().filter(|effect| moved(effect));
    ranks
        .map(|effect| effect.rank)
        .min()
        .filter(|rank| *rank < Rank::Sign)
}

fn moved(effect: &Effect) -> bool {
    matches!(effect.kind, EffectKind::Better | EffectKind::Worse)
}

/// Returns true if "no effect" needs evidence for this metric, because a client would notice it.
fn is_noticed(effect: &Effect) -> bool {
    effect.rank <= Rank::Speed
}

/// Returns true if an effect is a change: a metric of the expectations differs, a latency that was not measured alone,
/// or a kernel counter without a client that noticed.
fn is_change(effect: &Effect) -> bool {
    (effect.kind == EffectKind::Changed && (effect.named || is_latency(&effect.metric)))
        || (effect.rank == Rank::Sign && moved(effect))
}

/// Returns whether the conclusion needs a clear result for this metric: work done, and metrics that the scenario names.
fn is_essential(effect: &Effect) -> bool {
    effect.rank == Rank::Work || effect.named
}

fn answer(effects: &[Effect]) -> Conclusion {
    if let Some(rank) = decided_by(effects) {
        let any = |kind| {
            effects
                .iter()
                .any(|each| each.rank == rank && each.kind == kind)
        };
        // A rank decides only if the ranks before it are clear.
        let unclear = |each: &Effect| {
            each.rank < rank && is_essential(each) && each.kind == EffectKind::Unclear
        };
        return match (any(EffectKind::Better), any(EffectKind::Worse)) {
            _ if effects.iter().any(unclear) => Conclusion::TooNoisy,
            (true, true) => Conclusion::Trade,
            (true, false) => Conclusion::Helps,
            (false, _) => Conclusion::Hurts,
        };
    }
    let is_open = |effect: &&Effect| {
        effect.kind == EffectKind::Unclear && (is_essential(effect) || is_noticed(effect))
    };
    if effects.iter().any(is_change) {
        Conclusion::Changes
    } else if effects.iter().any(|effect| is_open(&effect)) {
        Conclusion::TooNoisy
    } else {
        Conclusion::NoEffect
    }
}
