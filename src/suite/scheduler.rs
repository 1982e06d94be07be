//! How many runs go at once: up to a share of the processors and of memory, not a count, since most of a run is waiting.
//!
//! What is looked at is not only now: a run is begun where it has room for all that it is to do, at the time when it does it.
//! Not here: what a run needs (`need`, `learnt`).

use std::time::{Duration, Instant};

use super::demand::{Demand, KernelLog};
use crate::backend::MachineCapacity;
use crate::names::ActorName;

/// RunShare of the processors that runs may fill together; beyond it starts come late.
const FILL: f64 = 0.8;
/// What counts for a run that keeps one processor busy: as many of those fit as there are processors. A little less,
/// since shares are added up with rounding.
pub(super) const ONE_PROCESSOR: f64 = FILL * 0.999;
/// RunShare of that which one run is taken to need at most: what takes all it gets shall leave room for those that wait.
const FILL_BY_ONE: f64 = 0.5;
/// RunShare of the memory at hand that runs may fill together: estimates are rough, and a machine that swaps measures nothing.
const FILL_MEMORY: f64 = 0.7;

/// The machine, shared out.
#[derive(Debug)]
pub(super) struct Scheduler {
    machine: MachineCapacity,
    whole: MachineCapacity,
    used: Vec<Used>,
    /// What they do together, by time.
    levels: Vec<Level>,
    slots: usize,
}

/// What a run has of the machine.
#[derive(Debug)]
struct Used {
    key: usize,
    began: Instant,
    demand: Demand,
}

/// What all runs do together, from a moment on until the next.
#[derive(Debug, Clone, Copy)]
struct Level {
    from: Instant,
    processors: f64,
    /// Runs that share the limit of the kernel's log and are busy.
    logging: i64,
    /// Those of them that read it.
    reading: i64,
}

impl Level {
    /// What it becomes by a change.
    fn after(self, change: Self) -> Self {
        Self {
            from: change.from,
            processors: self.processors + change.processors,
            logging: self.logging + change.logging,
            reading: self.reading + change.reading,
        }
    }
}

impl Scheduler {
    /// A scheduler for a machine. `slots` bounds the number of runs at once, where given.
    pub(super) fn new(machine: MachineCapacity, slots: Option<usize>) -> Self {
        Self {
            machine,
            whole: MachineCapacity {
                processors: machine.processors * FILL,
                memory: machine.memory * FILL_MEMORY,
            },
            used: Vec::new(),
            levels: Vec::new(),
            slots: slots.unwrap_or(usize::MAX),
        }
    }

    /// Leaves the processors of so many suites, this one among them, in equal parts to each. (Memory at hand is what others leave.)
    pub(super) fn share_with(&mut self, suites: usize) {
        let processors = self.machine.processors * FILL / suites as f64;
        if processors != self.whole.processors {
            self.whole.processors = processors;
            self.level();
        }
    }

    /// Takes what a run needs that begins now, if there is room for it. A run that needs more than the whole goes alone.
    pub(super) fn take(&mut self, key: usize, demand: &Demand, now: Instant) -> bool {
        let fits = self.used.is_empty() || self.fits_beside(demand, now);
        if fits {
            self.used.push(Used {
                key,
                began: now,
                demand: demand.clone(),
            });
            self.level();
        }
        fits
    }

    fn fits_beside(&self, demand: &Demand, now: Instant) -> bool {
        let all = || self.used.iter().map(|used| &used.demand).chain([demand]);
        let memory: f64 = all().map(|demand| demand.memory).sum();
        let idle: f64 = all().map(|demand| demand.idle).sum();
        let fits_at = |moment: Instant| {
            let after = moment.duration_since(now);
            let processors = self.share(demand, after);
            let level = self.level_at(moment);
            let busy = level.map_or(0.0, |level| level.processors);
            let in_the_way = |level: &Level| match demand.log {
                KernelLog::Unused => false,
                KernelLog::Fills => level.reading > 0 && is_busy(demand, after),
                KernelLog::Reads => level.logging > 0 && is_busy(demand, after),
            };
            idle + busy + processors <= self.whole.processors && !level.is_some_and(in_the_way)
        };
        // More is asked for only where a phase begins.
        let own = demand.phases.iter().map(|phase| now + phase.from);
        let others = self.levels.iter().map(|level| level.from);
        let mut moments = others.filter(|from| *from > now).chain(own).chain([now]);
        self.used.len() < self.slots
            && memory <= self.whole.memory
            && !all().any(|demand| demand.exclusive)
            && moments.all(fits_at)
    }

    /// Processors that a run is taken to need so long after it began.
    fn share(&self, demand: &Demand, after: Duration) -> f64 {
        let on = demand.phases.iter().filter(|phase| phase.is_on(after));
        let asked: f64 = on.map(|phase| phase.processors).sum();
        asked.min(self.whole.processors * FILL_BY_ONE)
    }

    fn level_at(&self, moment: Instant) -> Option<&Level> {
        let after = self.levels.partition_point(|level| level.from <= moment);
        self.levels[..after].last()
    }

    /// Adds up what all that were taken do.
    fn level(&mut self) {
        let mut changes = Vec::new();
        for Used { began, demand, .. } in &self.used {
            let phases = demand.phases.iter();
            let mut moments: Vec<Duration> = phases
                .flat_map(|phase| [Some(phase.from), phase.until])
                .flatten()
                .collect();
            moments.sort_unstable();
            moments.dedup();
            let (mut share, mut busy) = (0.0, 0);
            let (logs, reads) = (
                demand.log != KernelLog::Unused,
                demand.log == KernelLog::Reads,
            );
            for after in moments {
                let (share_then, busy_then) = (share, busy);
                share = self.share(demand, after);
                busy = i64::from(is_busy(demand, after));
                let turns = busy - busy_then;
                changes.push(Level {
                    from: *began + after,
                    processors: share - share_then,
                    logging: if logs { turns } else { 0 },
                    reading: if reads { turns } else { 0 },
                });
            }
        }
        changes.sort_by_key(|change| change.from);
        self.levels.clear();
        let mut level: Option<Level> = None;
        for change in changes {
            let next = level.map_or(change, |level| level.after(change));
            self.levels.pop_if(|last| last.from == next.from);
            self.levels.push(next);
            level = Some(next);
        }
    }

    /// When there may be room for more, though no run ends: the next moment at which a run begins or ends to do something.
    pub(super) fn next_change(&self, now: Instant) -> Option<Instant> {
        let after = self.levels.iter().find(|level| level.from > now);
        after.map(|level| level.from)
    }

    /// Makes room where actors of a run have ended, maybe sooner than was thought. Whether there is more.
    pub(super) fn end(
        &mut self,
        key: usize,
        has_ended: impl Fn(&ActorName) -> bool,
        now: Instant,
    ) -> bool {
        let Some(used) = self.used.iter_mut().find(|used| used.key == key) else {
            return false;
        };
        let news = used.demand.end(has_ended, now - used.began);
        if news {
            self.level();
        }
        news
    }

    /// Gives back what a run took.
    pub(super) fn give_back(&mut self, key: usize) {
        self.used.retain(|used| used.key != key);
        self.level();
    }
}

fn is_busy(demand: &Demand, after: Duration) -> bool {
    demand.phases.iter().any(|phase| phase.is_on(after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::demand::BusyPhase;

    /// Of whose processors runs may fill 1.4.
    const MACHINE: MachineCapacity = MachineCapacity {
        processors: 1.4 / FILL,
        memory: 1000.0,
    };

    fn phase(from: u64, until: Option<u64>, processors: f64) -> BusyPhase {
        BusyPhase {
            of: None,
            from: Duration::from_secs(from),
            until: until.map(Duration::from_secs),
            processors,
        }
    }

    fn of(phases: Vec<BusyPhase>) -> Demand {
        Demand {
            idle: 0.0,
            phases,
            memory: 0.0,
            log: KernelLog::Unused,
            exclusive: false,
        }
    }

    fn share(processors: f64) -> Demand {
        of(vec![phase(0, None, processors)])
    }

    fn logs(log: KernelLog, phases: Vec<BusyPhase>) -> Demand {
        Demand { log, ..of(phases) }
    }

    /// How many of the needs are taken at once, and the scheduler after it.
    fn taken(scheduler: &mut Scheduler, needs: &[Demand], now: Instant) -> usize {
        let taken = needs.iter().enumerate();
        taken
            .filter(|(key, demand)| scheduler.take(*key, demand, now))
            .count()
    }

    #[test]
    fn beside_what_fills_the_machine_only_little_goes() {
        let (mut scheduler, now) = (Scheduler::new(MACHINE, None), Instant::now());
        assert!(scheduler.take(0, &share(8.0), now));
        assert!(scheduler.take(1, &share(0.1), now));
        assert!(!scheduler.take(2, &share(8.0), now));
        scheduler.give_back(0);
        assert!(scheduler.take(2, &share(8.0), now));
    }

    #[test]
    fn one_run_is_taken_to_need_half_of_the_share_at_most_whatever_it_does_at_once() {
        let (mut scheduler, now) = (Scheduler::new(MACHINE, None), Instant::now());
        let much = of(vec![phase(0, None, 1.0); 3]);
        assert_eq!(taken(&mut scheduler, &vec![much; 3], now), 2);
    }

    #[test]
    fn small_runs_go_together_until_the_share_is_full() {
        let (mut scheduler, now) = (Scheduler::new(MACHINE, None), Instant::now());
        assert_eq!(taken(&mut scheduler, &vec![share(0.125); 100], now), 11);
    }

    #[test]
    fn what_a_run_costs_while_it_waits_counts_too() {
        let (mut scheduler, now) = (Scheduler::new(MACHINE, None), Instant::now());
        let waits = Demand {
            idle: 0.125,
            ..of(Vec::new())
        };
        assert_eq!(taken(&mut scheduler, &vec![waits; 100], now), 11);
    }

    #[test]
    fn runs_go_together_until_the_memory_is_full() {
        let (mut scheduler, now) = (Scheduler::new(MACHINE, None), Instant::now());
        let needs = Demand {
            memory: 300.0,
            ..share(0.0)
        };
        assert_eq!(taken(&mut scheduler, &vec![needs; 100], now), 2);
    }

    #[test]
    fn slots_bound_the_number_at_once() {
        let (mut scheduler, now) = (Scheduler::new(MACHINE, Some(1)), Instant::now());
        assert!(scheduler.take(0, &share(0.1), now));
        assert!(!scheduler.take(1, &share(0.1), now));
    }

    #[test]
    fn a_load_that_has_ended_makes_room_while_its_run_waits() {
        let (mut scheduler, now) = (Scheduler::new(MACHINE, None), Instant::now());
        let begins = of(vec![phase(0, Some(5), 0.6)]);
        assert_eq!(taken(&mut scheduler, &vec![begins.clone(); 3], now), 2);
        let change = scheduler.next_change(now).unwrap();
        assert_eq!(change, now + Duration::from_secs(5));
        assert!(scheduler.take(2, &begins, change));
    }

    #[test]
    fn a_load_that_is_to_come_keeps_its_room() {
        let (mut scheduler, now) = (Scheduler::new(MACHINE, None), Instant::now());
        assert!(scheduler.take(0, &of(vec![phase(10, None, 0.7)]), now));
        assert!(scheduler.take(1, &of(vec![phase(0, Some(10), 0.7)]), now));
        assert!(scheduler.take(2, &of(vec![phase(0, Some(11), 0.7)]), now));
        assert!(!scheduler.take(3, &of(vec![phase(0, Some(11), 0.7)]), now));
    }

    #[test]
    fn the_log_is_not_read_while_others_fill_it() {
        let (mut scheduler, now) = (Scheduler::new(MACHINE, None), Instant::now());
        let phases = vec![phase(0, Some(5), 0.1), phase(60, Some(65), 0.1)];
        let fills = logs(KernelLog::Fills, phases.clone());
        let reads = logs(KernelLog::Reads, phases);
        assert_eq!(taken(&mut scheduler, &[fills.clone(), fills], now), 2);
        assert!(!scheduler.take(2, &reads, now));
        let after = now + Duration::from_secs(5);
        assert!(scheduler.take(2, &reads, after));
        assert!(
            !scheduler.take(3, &reads, after),
            "another reader fills it too"
        );
        assert!(scheduler.take(4, &share(0.1), after));
    }

    #[test]
    fn a_load_that_ends_sooner_than_was_thought_makes_room() {
        let (mut scheduler, now) = (Scheduler::new(MACHINE, None), Instant::now());
        let load = ActorName::from("load");
        let begins = of(vec![BusyPhase {
            of: Some(load.clone()),
            ..phase(0, Some(60), 0.7)
        }]);
        assert_eq!(taken(&mut scheduler, &vec![begins.clone(); 3], now), 2);
        let later = now + Duration::from_secs(2);
        assert!(!scheduler.end(0, |actor| actor.as_str() == "other", later));
        assert!(!scheduler.take(2, &begins, later));
        assert!(scheduler.end(0, |actor| *actor == load, later));
        assert!(!scheduler.end(0, |actor| *actor == load, later), "no news");
        assert!(scheduler.take(2, &begins, later));
    }

    #[test]
    fn beside_an_exclusive_run_there_is_no_other() {
        let (mut scheduler, now) = (Scheduler::new(MACHINE, None), Instant::now());
        let alone = share(0.1).alone();
        assert!(scheduler.take(0, &share(0.1), now));
        assert!(!scheduler.take(1, &alone, now));
        scheduler.give_back(0);
        assert!(scheduler.take(1, &alone, now));
        assert!(!scheduler.take(2, &share(0.1), now));
    }
}
