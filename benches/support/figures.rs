//! Figures of variants that took turns: medians, and ratios of values measured in the same round.
//!
//! Two values of one round met the same machine in the same state; two medians of different minutes did not. So
//! a ratio is the median of the rounds' ratios, and its quartiles show how certain it is.

use std::collections::BTreeMap;

/// One value per round, by variant.
#[derive(Default)]
pub(crate) struct Figures(BTreeMap<String, Vec<f64>>);

impl Figures {
    pub(crate) fn add(&mut self, variant: &str, value: f64) {
        self.0.entry(variant.to_owned()).or_default().push(value);
    }

    /// Returns the median of a variant.
    pub(crate) fn median(&self, variant: &str) -> f64 {
        self.0
            .get(variant)
            .map_or(f64::NAN, |values| quantile(values, 0.5))
    }

    /// Returns the median of a variant's ratio to another, round by round, with its quartiles.
    pub(crate) fn ratio(&self, variant: &str, to: &str) -> Ratio {
        let values = |name: &str| self.0.get(name).map_or(&[][..], Vec::as_slice);
        let pairs = values(variant).iter().zip(values(to));
        let ratios: Vec<f64> = pairs.map(|(ours, theirs)| ours / theirs).collect();
        Ratio {
            median: quantile(&ratios, 0.5),
            from: quantile(&ratios, 0.25),
            to: quantile(&ratios, 0.75),
        }
    }
}

/// A ratio: its median and its quartiles.
pub(crate) struct Ratio {
    pub(crate) median: f64,
    from: f64,
    to: f64,
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} ({:.2} to {:.2})", self.median, self.from, self.to)
    }
}

/// Returns the value below which this share of all values lies; NaN if there are none.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let index = (last as f64 * share).round() as usize;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}
