//! How many runs go at once: up to a share of the processors and of memory, not a count, since most of a run is waiting.
//!
//! Not here: what a run needs (`need`, `learnt`).

use super::need::Need;
use crate::backend::Machine;

/// Share of the processors that runs may fill together; beyond it starts come late.
pub(super) const FILL: f64 = 0.5;
/// Share of the memory at hand that runs may fill together: estimates are rough, and a machine that swaps measures nothing.
const FILL_MEMORY: f64 = 0.7;

/// The machine, shared out.
#[derive(Debug)]
pub(super) struct Budget {
    whole: Machine,
    used: Vec<Need>,
    slots: usize,
}

impl Budget {
    /// A budget for a machine. `slots` bounds the number of runs at once, where given.
    pub(super) fn new(machine: Machine, slots: Option<usize>) -> Self {
        Self {
            whole: Machine {
                processors: machine.processors * FILL,
                memory: machine.memory * FILL_MEMORY,
            },
            used: Vec::new(),
            slots: slots.unwrap_or(usize::MAX),
        }
    }

    /// Takes what a run needs, if there is room for it. A run that needs more than the whole goes alone.
    pub(super) fn take(&mut self, need: Need) -> bool {
        let fits = self.used.is_empty() || self.fits_beside(need);
        if fits {
            self.used.push(need);
        }
        fits
    }

    fn fits_beside(&self, need: Need) -> bool {
        let all = || self.used.iter().chain([&need]);
        let processors: f64 = all().map(|need| need.processors).sum();
        let memory: f64 = all().map(|need| need.memory).sum();
        processors <= self.whole.processors
            && memory <= self.whole.memory
            && self.used.len() < self.slots
            && !all().any(|need| need.exclusive)
            && all().filter(|need| need.log).count() <= 1
    }

    /// Gives back what a run took.
    pub(super) fn give_back(&mut self, need: Need) {
        if let Some(at) = self.used.iter().position(|used| *used == need) {
            self.used.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: Machine = Machine {
        processors: 2.0,
        memory: 1000.0,
    };

    fn share(processors: f64) -> Need {
        Need {
            processors,
            memory: 0.0,
            log: false,
            exclusive: false,
        }
    }

    #[test]
    fn what_needs_the_whole_machine_goes_alone() {
        let mut budget = Budget::new(MACHINE, None);
        assert!(budget.take(share(8.0)));
        assert!(!budget.take(share(0.1)));
        budget.give_back(share(8.0));
        assert!(budget.take(share(0.1)));
        assert!(!budget.take(share(8.0)));
    }

    #[test]
    fn small_runs_go_together_until_the_share_is_full() {
        let mut budget = Budget::new(MACHINE, None);
        let together = (0..100).filter(|_| budget.take(share(0.125))).count();
        assert_eq!(together, 8);
    }

    #[test]
    fn runs_go_together_until_the_memory_is_full() {
        let mut budget = Budget::new(MACHINE, None);
        let needs = Need {
            memory: 300.0,
            ..share(0.0)
        };
        let together = (0..100).filter(|_| budget.take(needs)).count();
        assert_eq!(together, 2);
    }

    #[test]
    fn slots_bound_the_number_at_once() {
        let mut budget = Budget::new(MACHINE, Some(1));
        assert!(budget.take(share(0.1)));
        assert!(!budget.take(share(0.1)));
    }

    #[test]
    fn runs_that_share_the_limit_of_the_log_go_one_after_the_other() {
        let mut budget = Budget::new(MACHINE, None);
        let logs = Need {
            log: true,
            ..share(0.1)
        };
        assert!(budget.take(logs));
        assert!(!budget.take(logs));
        assert!(budget.take(share(0.1)));
        budget.give_back(logs);
        assert!(budget.take(logs));
    }

    #[test]
    fn beside_an_exclusive_run_there_is_no_other() {
        let mut budget = Budget::new(MACHINE, None);
        let alone = share(0.1).alone();
        assert!(budget.take(share(0.1)));
        assert!(!budget.take(alone));
        budget.give_back(share(0.1));
        assert!(budget.take(alone));
        assert!(!budget.take(share(0.1)));
    }
}
