//! Limits an expensive operation to a share of a processor, by its measured cost.

use std::time::Duration;

use crate::record::Offset;

/// Nothing is due until the last cost, spread over time, is within the share.
#[derive(Debug)]
pub(super) struct Budget {
    /// The share is one in this number.
    one_in: u32,
    /// The least time between two operations.
    apart: Duration,
    due: Offset,
}

impl Budget {
    /// Allows a share of a processor: one in `one_in`.
    pub(super) fn one_in(one_in: u32) -> Self {
        Self {
            one_in,
            apart: Duration::ZERO,
            due: Offset::ZERO,
        }
    }

    /// Also keeps this much time between two operations.
    pub(super) fn apart(self, apart: Duration) -> Self {
        Self { apart, ..self }
    }

    /// Returns true if the operation may be repeated.
    pub(super) fn is_due(&self, now: Offset) -> bool {
        now >= self.due
    }

    /// Accounts for an operation that took this much processor time.
    pub(super) fn spent(&mut self, now: Offset, cost: Duration) {
        let apart = cost.saturating_mul(self.one_in).max(self.apart);
        self.due = Offset::from_duration(now.as_duration().saturating_add(apart));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: u64 = 1_000_000;

    #[test]
    fn cheap_operations_are_due_at_every_look() {
        let mut budget = Budget::one_in(50);
        assert!(budget.is_due(Offset::ZERO));
        budget.spent(Offset::ZERO, Duration::from_millis(2));
        assert!(budget.is_due(Offset(100 * MILLISECOND)));
    }

    #[test]
    fn operations_that_are_kept_apart_wait_even_if_they_are_cheap() {
        let mut budget = Budget::one_in(50).apart(Duration::from_secs(1));
        budget.spent(Offset::ZERO, Duration::from_millis(2));
        assert!(!budget.is_due(Offset(999 * MILLISECOND)));
        assert!(budget.is_due(Offset(1000 * MILLISECOND)));
        budget.spent(Offset(1000 * MILLISECOND), Duration::from_millis(40));
        assert!(!budget.is_due(Offset(2999 * MILLISECOND)));
    }

    #[test]
    fn expensive_operations_wait_until_their_cost_is_spread() {
        let mut budget = Budget::one_in(50);
        budget.spent(Offset(100 * MILLISECOND), Duration::from_millis(10));
        assert!(!budget.is_due(Offset(599 * MILLISECOND)));
        assert!(budget.is_due(Offset(600 * MILLISECOND)));
    }
}
