//! How many runs go at once: up to a share of the processors, not a count, since most of a run is waiting.

use crate::scenario::RunSpec;
use crate::scenario::workload::Load;

/// Processor time that a paced connection costs both ends, a router with translation and the client's own, seconds.
/// Measured at 30 µs for both ends, 1.4 times that behind masquerade, and twice that again for a debug build's own share.
const CONNECTION_COST: f64 = 100e-6;
/// Share of a processor that a run costs without any load: set-up, sampling, its process.
const RUN_COST: f64 = 0.05;
/// Share of the processors that paced loads may fill together; beyond it starts come late.
const FILL: f64 = 0.5;

/// How much of the machine a run needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Need {
    /// Share of one processor.
    share: f64,
    /// Whether it reads the kernel's log, or makes the kernel write much into it: the kernel bounds the network messages
    /// of the whole machine together, so that such runs go one after the other.
    log: bool,
}

impl Need {
    /// Estimates it from the run's load. Loads without a rate take all that there is.
    pub(crate) fn of(spec: &RunSpec) -> Self {
        let clients = spec
            .workload
            .clients
            .iter()
            .map(|client| match &client.load {
                Load::Connect { schedule, .. } => {
                    schedule
                        .from
                        .as_per_second()
                        .max(schedule.to.as_per_second())
                        * CONNECTION_COST
                }
                Load::Hold { rate, .. } => rate.as_per_second() * CONNECTION_COST,
                Load::Loop { .. } | Load::Bulk { .. } => f64::INFINITY,
            });
        // What runs in the background does what others ask of it.
        let commands = spec.workload.commands.iter();
        let commands = commands
            .filter(|command| !command.background)
            .map(|_| f64::INFINITY);
        let fills = spec
            .topology
            .nodes
            .values()
            .any(|node| node.conntrack_room.is_some());
        Self {
            share: RUN_COST + clients.chain(commands).sum::<f64>(),
            log: fills
                || spec
                    .watched
                    .iter()
                    .any(|series| series.as_str() == "kernel.log"),
        }
    }
}

/// The machine, shared out.
#[derive(Debug)]
pub(crate) struct Budget {
    whole: f64,
    used: Vec<Need>,
    slots: usize,
}

impl Budget {
    /// A budget for this machine. `slots` bounds the number of runs at once, where given.
    pub(crate) fn new(processors: usize, slots: Option<usize>) -> Self {
        let processors = u32::try_from(processors).unwrap_or(u32::MAX);
        Self {
            whole: f64::from(processors) * FILL,
            used: Vec::new(),
            slots: slots.unwrap_or(usize::MAX),
        }
    }

    /// Takes what a run needs, if there is room for it. A run that needs more than the whole goes alone.
    pub(crate) fn take(&mut self, need: Need) -> bool {
        let used: f64 = self.used.iter().map(|need| need.share).sum();
        let log_is_free = !(need.log && self.used.iter().any(|used| used.log));
        let shares = used + need.share <= self.whole && self.used.len() < self.slots && log_is_free;
        let fits = self.used.is_empty() || shares;
        if fits {
            self.used.push(need);
        }
        fits
    }

    /// Gives back what a run took.
    pub(crate) fn give_back(&mut self, need: Need) {
        if let Some(at) = self.used.iter().position(|used| *used == need) {
            self.used.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(share: f64) -> Need {
        Need { share, log: false }
    }

    #[test]
    fn what_needs_the_whole_machine_goes_alone() {
        let mut budget = Budget::new(2, None);
        assert!(budget.take(share(f64::INFINITY)));
        assert!(!budget.take(share(0.1)));
        budget.give_back(share(f64::INFINITY));
        assert!(budget.take(share(0.1)));
        assert!(!budget.take(share(f64::INFINITY)));
    }

    #[test]
    fn small_runs_go_together_until_the_share_is_full() {
        let mut budget = Budget::new(2, None);
        let together = (0..100).filter(|_| budget.take(share(0.1))).count();
        assert_eq!(together, 10);
    }

    #[test]
    fn slots_bound_the_number_at_once() {
        let mut budget = Budget::new(2, Some(1));
        assert!(budget.take(share(0.1)));
        assert!(!budget.take(share(0.1)));
    }

    #[test]
    fn runs_that_share_the_limit_of_the_log_go_one_after_the_other() {
        let mut budget = Budget::new(2, None);
        let logs = Need {
            share: 0.1,
            log: true,
        };
        assert!(budget.take(logs));
        assert!(!budget.take(logs));
        assert!(budget.take(share(0.1)));
        budget.give_back(logs);
        assert!(budget.take(logs));
    }
}
