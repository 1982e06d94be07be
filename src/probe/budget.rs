//! Limits an expensive operation to a share of a processor, by its measured cost.

use std::time::Duration;

use crate::record::Offset;

/// Nothing is due until the last cost, spread over time, is within the share.
#[derive(Debug)]
pub(super) struct Budget {
    /// The share is one in this number.
    one_in: u32,
    due: Offset,
}

impl Budget {
    /// Allows a share of a processor: one in `one_in`.
    pub(super) fn one_in(one_in: u32) -> Self {
        Self {
            one_in,
            due: Offset::ZERO,
        }
    }

    /// Returns true if the operation may be repeated.
    pub(super) fn is_due(&self, now: Offset) -> bool {
        now >= self.due
    }

    /// Accounts for an operation that took this much processor time.
    pub(super) fn spent(&mut self, now: Offset, cost: Duration) {
        let apart = cost.saturating_mul(self.one_in);
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
    fn expensive_operations_wait_until_their_cost_is_spread() {
        let mut budget = Budget::one_in(50);
        budget.spent(Offset(100 * MILLISECOND), Duration::from_millis(10));
        assert!(!budget.is_due(Offset(599 * MILLISECOND)));
        assert!(budget.is_due(Offset(600 * MILLISECOND)));
    }
}
