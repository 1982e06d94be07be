//! How often something dear may be done: as often as its measured cost keeps within a share of a processor.

use std::time::Duration;

use crate::record::Offset;

/// Nothing is due before its last cost, spread over time, is within the share.
#[derive(Debug)]
pub(super) struct Budget {
    /// One in so much of a processor's time.
    one_in: u32,
    due: Offset,
}

impl Budget {
    /// A share of a processor: one in `one_in`.
    pub(super) fn one_in(one_in: u32) -> Self {
        Self {
            one_in,
            due: Offset::ZERO,
        }
    }

    /// Whether it may be done again.
    pub(super) fn is_due(&self, now: Offset) -> bool {
        now >= self.due
    }

    /// It was done and took so much processor time.
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
    fn what_is_cheap_is_due_at_every_look() {
        let mut budget = Budget::one_in(50);
        assert!(budget.is_due(Offset::ZERO));
        budget.spent(Offset::ZERO, Duration::from_millis(2));
        assert!(budget.is_due(Offset(100 * MILLISECOND)));
    }

    #[test]
    fn what_is_dear_waits_until_it_has_paid() {
        let mut budget = Budget::one_in(50);
        budget.spent(Offset(100 * MILLISECOND), Duration::from_millis(10));
        assert!(!budget.is_due(Offset(599 * MILLISECOND)));
        assert!(budget.is_due(Offset(600 * MILLISECOND)));
    }
}
