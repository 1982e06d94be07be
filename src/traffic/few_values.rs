//! A collection of durations that is small while it has few values, and bounded if it has many.
//!
//! A histogram of three digits takes about 100 KiB. A thousand clients with a start each second have no use for it.

use hdrhistogram::{Counter, Histogram};

/// Most values that are kept one by one.
const FEW: usize = 256;

/// Durations in nanoseconds: exact while they are few, to three digits if they are many.
#[derive(Debug, Clone)]
pub(super) enum CollectedValues<C: Counter> {
    Few(Vec<u64>),
    Many(Histogram<C>),
}

impl<C: Counter> CollectedValues<C> {
    pub(super) fn new() -> Self {
        Self::Few(Vec::new())
    }

    pub(super) fn record(&mut self, value: u64) {
        match self {
            Self::Few(values) if values.len() < FEW => values.push(value),
            Self::Few(_) => {
                self.grow();
                self.record(value);
            }
            // The histogram resizes, so recording cannot fail.
            Self::Many(histogram) => {
                let _has_room = histogram.record(value);
            }
        }
    }

    fn grow(&mut self) {
        let Self::Few(values) = self else { return };
        // Three digits: 0.1 % is finer than any expectation asks. The argument is a valid constant.
        let Ok(mut histogram) = Histogram::new(3) else {
            return values.clear();
        };
        for value in values.drain(..) {
            let _has_room = histogram.record(value);
        }
        *self = Self::Many(histogram);
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Few(values) => values.is_empty(),
            Self::Many(histogram) => histogram.is_empty(),
        }
    }

    /// Adds the values of another collection.
    pub(super) fn add(&mut self, other: &Self) {
        match other {
            Self::Few(values) => values.iter().for_each(|value| self.record(*value)),
            Self::Many(theirs) => {
                self.grow();
                if let Self::Many(histogram) = self {
                    let _both_resize = histogram.add(theirs);
                }
            }
        }
    }

    /// Returns the value below which this share of the values lies; 0 if there are none.
    pub(super) fn at_quantile(&self, quantile: f64) -> u64 {
        match self {
            Self::Few(values) => {
                let mut sorted = values.clone();
                sorted.sort_unstable();
                // The same definition as the histogram's: the smallest value that covers the share.
                let covering = (quantile * sorted.len() as f64).ceil().max(1.0) as usize;
                sorted.get(covering - 1).copied().unwrap_or(0)
            }
            Self::Many(histogram) => histogram.value_at_quantile(quantile),
        }
    }

    /// Removes all values, and returns each with its count, in order.
    pub(super) fn take(&mut self) -> Vec<(u64, u64)> {
        match self {
            Self::Few(values) => {
                values.sort_unstable();
                let mut counted: Vec<(u64, u64)> = Vec::with_capacity(values.len());
                for value in values.drain(..) {
                    match counted.last_mut() {
                        Some((last, count)) if *last == value => *count += 1,
                        _ => counted.push((value, 1)),
                    }
                }
                counted
            }
            Self::Many(histogram) => {
                let steps = histogram.iter_recorded();
                let steps = steps.map(|step| (step.value_iterated_to(), step.count_at_value()));
                let counted = steps
                    .map(|(value, count)| (value, count.as_u64()))
                    .collect();
                histogram.reset();
                counted
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_values_have_the_same_quantiles() {
        let (mut few, mut many) = (CollectedValues::<u32>::new(), CollectedValues::<u32>::new());
        for value in 1..=200 {
            few.record(value);
            for _ in 0..2 {
                many.record(value);
            }
        }
        assert!(matches!(few, CollectedValues::Few(_)));
        assert!(matches!(many, CollectedValues::Many(_)));
        for quantile in [0.0, 0.01, 0.5, 0.99, 1.0] {
            assert_eq!(
                few.at_quantile(quantile),
                many.at_quantile(quantile),
                "{quantile}"
            );
        }
        assert_eq!(few.take()[..2], [(1, 1), (2, 1)]);
        assert_eq!(many.take()[..2], [(1, 2), (2, 2)]);
        assert!(few.is_empty() && many.is_empty());
        assert_eq!(few.at_quantile(0.5), 0);
    }

    #[test]
    fn collections_of_both_sizes_add_up() {
        let mut whole = CollectedValues::<u64>::new();
        let mut part = CollectedValues::<u64>::new();
        (0..300).for_each(|value| part.record(value));
        whole.record(1000);
        whole.add(&part);
        let count: u64 = whole.take().into_iter().map(|(_, count)| count).sum();
        assert_eq!(count, 301);
    }
}
