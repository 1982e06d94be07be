//! The recent activity of a node. While there is none, files that cannot have changed are read once per second.

use std::time::Duration;

use crate::record::Offset;

/// The longest time without a look at everything.
pub(super) const SELDOM: Duration = Duration::from_secs(1);

/// Changes of what is read at every look: packets of any protocol, and sockets that begin or end.
#[derive(Debug)]
pub(super) struct NodeActivity {
    /// True if something changed at this look, and at the one before.
    now: bool,
    before: bool,
    /// True if this look reads everything.
    is_full: bool,
    due: Offset,
}

impl NodeActivity {
    /// Starts with a look at everything.
    pub(super) fn new() -> Self {
        Self {
            now: false,
            before: false,
            is_full: true,
            due: Offset::ZERO,
        }
    }

    /// Begins a look; with `all`, it reads everything.
    pub(super) fn begin(&mut self, t: Offset, all: bool) {
        self.before = std::mem::take(&mut self.now);
        self.is_full = all || t >= self.due;
        if self.is_full {
            let next = t.as_duration().saturating_add(SELDOM);
            self.due = Offset::from_duration(next);
        }
    }

    /// Adds whether something has changed since the look before.
    pub(super) fn see(&mut self, changed: bool) {
        self.now |= changed;
    }

    /// Returns true if this look reads everything, whether or not it has changed.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Returns true if what is not read at every look may have changed. A packet that was still on its way through the
    /// kernel at the look before had been counted there, but not by all counters.
    pub(super) fn wants_all(&self) -> bool {
        self.is_full || self.now || self.before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: u64 = 1_000_000;

    #[test]
    fn everything_is_read_once_per_second_and_at_two_looks_after_a_change() {
        let mut activity = NodeActivity::new();
        let mut look = |t: u64, changed, all| {
            activity.begin(Offset(t * MILLISECOND), all);
            activity.see(changed);
            (activity.wants_all(), activity.is_full())
        };
        assert_eq!(look(0, false, false), (true, true));
        assert_eq!(look(100, false, false), (false, false));
        assert_eq!(look(200, true, false), (true, false));
        assert_eq!(look(300, false, false), (true, false));
        assert_eq!(look(400, false, false), (false, false));
        assert_eq!(look(1000, false, false), (true, true));
        assert_eq!(look(1100, false, false), (false, false));
        assert_eq!(look(1200, false, true), (true, true));
        assert_eq!(look(2100, false, false), (false, false));
    }
}
