//! Quantiles of histograms: of a whole run, as reports and comparisons give them.

use std::collections::BTreeMap;

use super::series::Series;

/// All spans of a distribution as one: values with their counts, ascending.
pub(crate) fn merged(series: &Series) -> Vec<(u64, u64)> {
    let mut counts = BTreeMap::new();
    for (value, count) in series.histograms.iter().flat_map(|(_, values)| values) {
        let sum: &mut u64 = counts.entry(*value).or_default();
        *sum = sum.saturating_add(*count);
    }
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// How many values there are.
pub(crate) fn count(values: &[(u64, u64)]) -> u64 {
    values
        .iter()
        .fold(0, |sum, (_, count)| sum.saturating_add(*count))
}

/// The least value that at least a share of all are not above (nearest rank); `None` where there are none.
pub(crate) fn quantile(values: &[(u64, u64)], share: f64) -> Option<u64> {
    let rank = ((count(values) as f64 * share).ceil() as u64).max(1);
    let mut below: u64 = 0;
    let reaches = |(_, count): &&(u64, u64)| {
        below = below.saturating_add(*count);
        below >= rank
    };
    values.iter().find(reaches).map(|(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values = [(10, 98), (20, 1), (30, 1)];
        assert_eq!(quantile(&values, 0.5), Some(10));
        assert_eq!(quantile(&values, 0.98), Some(10));
        assert_eq!(quantile(&values, 0.99), Some(20));
        assert_eq!(quantile(&values, 1.0), Some(30));
        assert_eq!(quantile(&[(5, 1)], 0.0), Some(5));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
