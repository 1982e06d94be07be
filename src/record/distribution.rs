//! Quantiles of the histograms of a whole run, for reports and comparisons.

use std::collections::BTreeMap;

use super::series::Series;

/// Merges all spans of a distribution into one list of values and counts, ascending by value.
pub(crate) fn merged(series: &Series) -> Vec<(u64, u64)> {
    let mut counts = BTreeMap::new();
    for (value, count) in series.histograms.iter().flat_map(|(_, values)| values) {
        let sum: &mut u64 = counts.entry(*value).or_default();
        *sum = sum.saturating_add(*count);
    }
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// Returns the number of recorded values.
pub(crate) fn count(values: &[(u64, u64)]) -> u64 {
    values
        .iter()
        .fold(0, |sum, (_, count)| sum.saturating_add(*count))
}

/// Returns the smallest value such that at least `share` of all values are not above it (nearest rank), or `None` if
/// the list is empty.
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
