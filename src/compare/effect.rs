//! The effect on one metric: the difference, its certainty, and whether it is large enough to matter.
//!
//! The difference of the means has a confidence interval by Welch's t, which needs neither equal variances nor equal
//! numbers of runs (B. L. Welch, Biometrika 34, 1947). Identical measurements have a variance of 0 and an interval of
//! one point. "No effect" needs evidence too: the difference lies within the margin by two one-sided tests
//! (D. J. Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987). Anything else is too noisy.

use serde::{Deserialize, Deserializer, Serialize};

use super::metric::{Better, Rank};
use super::student::two_sided_quantile;
use crate::units::Unit;

/// The measurements of a metric on one side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Sample {
    /// Number of runs with a value.
    pub count: usize,
    pub mean: f64,
    /// Standard deviation of the sample (divided by the count less one); 0 if all values are equal.
    pub deviation: f64,
    pub least: f64,
    pub greatest: f64,
}

impl Sample {
    /// Summarises values; `None` if there are none.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        let first = *values.first()?;
        let count = values.len() as f64;
        let least = values.iter().copied().fold(first, f64::min);
        let greatest = values.iter().copied().fold(first, f64::max);
        // A rounding error must not give identical values a variance.
        let mean = if least == greatest {
            first
        } else {
            values.iter().sum::<f64>() / count
        };
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self {
            count: values.len(),
            mean,
            deviation: (squares / (count - 1.0).max(1.0)).sqrt(),
            least,
            greatest,
        })
    }

    /// Returns the variance of the mean.
    fn variance(&self) -> f64 {
        self.deviation * self.deviation / self.count as f64
    }
}

/// The verdict on an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EffectKind {
    /// The metric is better.
    Better,
    /// The metric is worse.
    Worse,
    /// The metric differs and has no better direction.
    Changed,
    /// No difference that matters.
    Same,
    /// The measurements are too noisy to decide.
    Unclear,
}

/// The effect of a set on one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Effect {
    /// Name in the notation of expectations.
    pub metric: String,
    /// Unit in the record; the values here are in its base unit (seconds for times).
    pub unit: Unit,
    /// True if the scenario's expectations name the metric.
    pub named: bool,
    pub better: Better,
    pub rank: Rank,
    /// Measurements on the first side.
    pub a: Sample,
    /// Measurements on the other side.
    pub b: Sample,
    /// Mean of the other side minus mean of the first.
    pub difference: f64,
    /// Confidence interval of the difference.
    #[serde(deserialize_with = "or_unbounded")]
    pub interval: [f64; 2],
    /// The smallest difference that matters.
    pub margin: f64,
    pub kind: EffectKind,
}

/// Reads an interval from JSON, which has no infinite numbers and null in their place.
fn or_unbounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[f64; 2], D::Error> {
    let [low, high] = <[Option<f64>; 2]>::deserialize(deserializer)?;
    Ok([
        low.unwrap_or(f64::NEG_INFINITY),
        high.unwrap_or(f64::INFINITY),
    ])
}

/// Returns the difference of two means and its interval with a confidence of 1 - `alpha`. With fewer than two
/// measurements on a side the interval is infinite.
pub(super) fn difference(a: &Sample, b: &Sample, alpha: f64) -> (f64, [f64; 2]) {
    let difference = b.mean - a.mean;
    if a.count < 2 || b.count < 2 {
        return (difference, [f64::NEG_INFINITY, f64::INFINITY]);
    }
    let (va, vb) = (a.variance(), b.variance());
    let variance = va + vb;
    if variance == 0.0 {
        return (difference, [difference, difference]);
    }
    // The degrees of freedom by Welch and Satterthwaite.
    let part = |variance: f64, count: usize| variance * variance / (count as f64 - 1.0);
    let freedom = variance * variance / (part(va, a.count) + part(vb, b.count));
    let half = two_sided_quantile(alpha, freedom) * variance.sqrt();
    (difference, [difference - half, difference + half])
}

/// Returns the interval of the difference for two one-sided tests that each miss with a probability of `miss`. "No
/// effect" is concluded only if it holds for every metric, so many metrics do not add chances to miss (the
/// intersection-union principle: R. L. Berger, Technometrics 24, 1982).
pub(super) fn bounds(a: &Sample, b: &Sample, miss: f64) -> [f64; 2] {
    difference(a, b, 2.0 * miss).1
}

/// Judges a difference by its interval, and by the narrower `bounds` for "no effect".
pub(super) fn kind(
    difference: f64,
    [low, high]: [f64; 2],
    [least, most]: [f64; 2],
    margin: f64,
    better: Better,
) -> EffectKind {
    if -margin <= least && most <= margin {
        EffectKind::Same
    } else if (low > 0.0 || high < 0.0) && difference.abs() > margin {
        match (better, difference > 0.0) {
            (Better::Neither, _) => EffectKind::Changed,
            (Better::More, true) | (Better::Less, false) => EffectKind::Better,
            (Better::More, false) | (Better::Less, true) => EffectKind::Worse,
        }
    } else {
        EffectKind::Unclear
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(a: &[f64], b: &[f64], margin: f64) -> (f64, [f64; 2], EffectKind) {
        let (a, b) = (Sample::of(a).unwrap(), Sample::of(b).unwrap());
        let (difference, interval) = difference(&a, &b, 0.05);
        (
            difference,
            interval,
            kind(
                difference,
                interval,
                bounds(&a, &b, 0.025),
                margin,
                Better::More,
            ),
        )
    }

    /// R 4.3: t.test(c(20.4, 24.2, 15.4, 21.4, 20.2, 18.5, 21.5), c(20.2, 16.9, 18.5, 17.3, 20.5)).
    #[test]
    fn the_interval_is_welchs() {
        let (a, b) = (
            [20.4, 24.2, 15.4, 21.4, 20.2, 18.5, 21.5],
            [20.2, 16.9, 18.5, 17.3, 20.5],
        );
        let (difference, [low, high], _) = compared(&a, &b, 0.1);
        // By hand: means 20.22857 and 18.68; variances of the means 1.10143 and 0.52240; 9.8865 degrees of freedom,
        // t = 2.2317.
        assert!((difference + 1.548_571).abs() < 1e-5, "{difference}");
        let half = (high - low) / 2.0;
        let by_hand = 2.2317 * (1.101_429_f64 + 0.522_4).sqrt();
        assert!((half - by_hand).abs() < 2e-2, "{half} {by_hand}");
    }

    #[test]
    fn counts_that_never_vary_differ_or_do_not() {
        assert_eq!(compared(&[9.0; 5], &[9.0; 5], 0.4).2, EffectKind::Same);
        assert_eq!(
            compared(&[9.0; 5], &[20.0; 5], 0.4),
            (11.0, [11.0, 11.0], EffectKind::Better)
        );
        assert_eq!(compared(&[20.0; 3], &[9.0; 3], 0.4).2, EffectKind::Worse);
        assert_eq!(compared(&[0.1; 7], &[0.1; 3], 0.0).2, EffectKind::Same);
        assert_eq!(compared(&[0.0; 3], &[1.0; 3], 1.0).2, EffectKind::Same);
    }

    #[test]
    fn noise_is_neither_an_effect_nor_no_effect() {
        let (a, b) = ([100.0, 140.0, 60.0], [110.0, 70.0, 150.0]);
        assert_eq!(compared(&a, &b, 2.0).2, EffectKind::Unclear);
        assert_eq!(compared(&a, &b, 500.0).2, EffectKind::Same);
        assert_eq!(compared(&[1.0], &[2.0], 0.1).2, EffectKind::Unclear);
        // The difference is certain, but not whether it is large enough.
        let (a, b) = ([100.0, 100.1, 100.2], [101.9, 101.0, 102.8]);
        assert_eq!(compared(&a, &b, 2.0).2, EffectKind::Unclear);
    }

    #[test]
    fn a_metric_without_a_better_direction_is_only_different() {
        let above = |better| kind(5.0, [4.0, 6.0], [4.5, 5.5], 1.0, better);
        assert_eq!(above(Better::Neither), EffectKind::Changed);
        assert_eq!(above(Better::Less), EffectKind::Worse);
        let below = kind(-5.0, [-6.0, -4.0], [-5.5, -4.5], 1.0, Better::Less);
        assert_eq!(below, EffectKind::Better);
    }

    /// One run of six counted one less. With many metrics its interval is wide, but "no effect" does not need that one.
    #[test]
    fn many_metrics_do_not_prevent_no_effect() {
        let (a, b) = (
            Sample::of(&[100.0; 3]).unwrap(),
            Sample::of(&[100.0, 99.0, 100.0]).unwrap(),
        );
        let (difference, interval) = difference(&a, &b, 0.05 / 50.0);
        assert!(interval[0] < -2.0);
        let within = bounds(&a, &b, 0.025);
        assert_eq!(
            kind(difference, interval, within, 2.0, Better::Less),
            EffectKind::Same
        );
        assert_eq!(
            kind(difference, interval, within, 1.0, Better::Less),
            EffectKind::Unclear
        );
    }

    /// With equal means, a 95 % interval misses 0 in one of twenty comparisons.
    #[test]
    fn intervals_miss_as_often_as_they_say() {
        let mut state = 1_u64;
        let mut uniform = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut normal = || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
        let rounds = 4000;
        let missed = (0..rounds)
            .filter(|_| {
                let a: Vec<f64> = (0..5).map(|_| normal()).collect();
                let b: Vec<f64> = (0..5).map(|_| 3.0 * normal()).collect();
                let (_, [low, high], _) = compared(&a, &b, 0.0);
                low > 0.0 || high < 0.0
            })
            .count();
        let share = missed as f64 / f64::from(rounds);
        assert!((0.03..0.07).contains(&share), "{share}");
    }
}
