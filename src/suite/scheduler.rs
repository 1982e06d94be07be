//! Decides which runs are executed at once. The limit is a share of the processors and of memory, not a number of runs,
//! because runs mostly wait.
//!
//! A run starts if everything that it will need fits, at the times when it will need it. What a run needs
//! is estimated elsewhere (`demand`, `history`).

use std::time::{Duration, Instant};

use super::demand::{Demand, LogUse, PhaseOf};
use crate::backend::MachineCapacity;

/// The share of the processors that runs may use together; beyond it, connections start late.
const FILL: f64 = 0.8;
/// The amount counted for a run that keeps one processor busy, so that as many of those fit as there are
/// processors. It is a little less than a processor's share, since sums are rounded.
pub(super) const ONE_PROCESSOR: f64 = FILL * 0.999;
/// Maximum share of that which counts for a single run: a run that uses as much processor time as it can get must leave
/// room for runs that mostly wait.
const FILL_BY_ONE: f64 = 0.5;
/// The share of that which runs may use together while a quiet one is among them, so that it finds a free processor.
const FILL_QUIETLY: f64 = 0.85;
/// The share of the available memory that runs may use together: estimates are rough, and a machine
/// that swaps measures nothing.
const FILL_MEMORY: f64 = 0.7;

/// Divides the machine among runs.
#[derive(Debug)]
pub(super) struct Scheduler {
    machine: MachineCapacity,
    whole: MachineCapacity,
    used: Vec<Used>,
    always: Always,
    /// The total use over time.
    levels: Vec<Level>,
    slots: usize,
    /// True if a quiet run waits: others leave room for it.
    quiet_waits: bool,
}

/// A run in progress and what it uses.
#[derive(Debug)]
struct Used {
    key: usize,
    began: Instant,
    demand: Demand,
}

/// The use of all runs in progress at all times.
#[derive(Debug, Clone, Copy, Default)]
struct Always {
    processors: f64,
    memory: f64,
    /// True if one of them is exclusive.
    exclusive: bool,
    /// True if one of them is quiet.
    quiet: bool,
}

/// The total use of all runs from one moment until the next.
#[derive(Debug, Clone, Copy)]
struct Level {
    from: Instant,
    processors: f64,
    /// The number of busy runs that cause messages in the kernel's log, whose rate is limited.
    logging: i64,
    /// The number of busy runs that read the kernel's log.
    reading: i64,
}

impl Level {
    /// Returns the level after a change.
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
    /// Creates a scheduler for a machine. `slots` limits the number of runs at once, if given.
    pub(super) fn new(machine: MachineCapacity, slots: Option<usize>) -> Self {
        Self {
            machine,
            whole: MachineCapacity {
                processors: machine.processors * FILL,
                memory: machine.memory * FILL_MEMORY,
            },
            used: Vec::new(),
            always: Always::default(),
            levels: Vec::new(),
            slots: slots.unwrap_or(usize::MAX),
            quiet_waits: false,
        }
    }

    /// Sets whether a quiet run waits. Others leave room for it then; without this, it would start after all of them.
    pub(super) fn leave_room(&mut self, quiet_waits: bool) {
        self.quiet_waits = quiet_waits;
    }

    /// Divides the processors evenly among this many suites, this one included. Memory need not be divided: what other
    /// suites use does not count as available.
    pub(super) fn share_with(&mut self, suites: usize) {
        let processors = self.machine.processors * FILL / suites as f64;
        if processors != self.whole.processors {
            self.whole.processors = processors;
            self.level();
        }
    }

    /// Reserves what a run that starts now needs, if there is room. A run that needs more than the
    /// whole machine runs alone.
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
        let idle = self.always.processors + demand.idle;
        let most = match self.quiet_waits || self.always.quiet || demand.quiet {
            true => self.whole.processors * FILL_QUIETLY,
            false => self.whole.processors,
        };
        let fits_at = |moment: Instant| {
            let after = moment.duration_since(now);
            let processors = self.share(demand, after);
            let level = self.level_at(moment);
            let busy = level.map_or(0.0, |level| level.processors);
            let in_the_way = |level: &Level| match demand.log {
                LogUse::Unused => false,
                LogUse::Fills => level.reading > 0 && is_busy(demand, after),
                LogUse::Reads => level.logging > 0 && is_busy(demand, after),
            };
            idle + busy + processors <= most && !level.is_some_and(in_the_way)
        };
        // The use increases only when a phase starts.
        let own = demand.phases.iter().map(|phase| now + phase.from);
        let others = self.levels.iter().map(|level| level.from);
        // This is decided for hundreds of runs whenever something changes; most do not fit at once.
        let mut moments = [now]
            .into_iter()
            .chain(own)
            .chain(others.filter(|from| *from > now));
        self.used.len() < self.slots
            && self.always.memory + demand.memory <= self.whole.memory
            && !(self.always.exclusive || demand.exclusive)
            && moments.all(fits_at)
    }

    /// Returns the processors counted for a run at this time after its start.
    fn share(&self, demand: &Demand, after: Duration) -> f64 {
        let on = demand.phases.iter().filter(|phase| phase.is_on(after));
        let asked: f64 = on.map(|phase| phase.processors).sum();
        asked.min(self.whole.processors * FILL_BY_ONE)
    }

    fn level_at(&self, moment: Instant) -> Option<&Level> {
        let after = self.levels.partition_point(|level| level.from <= moment);
        self.levels[..after].last()
    }

    /// Adds up the use of all runs in progress.
    fn level(&mut self) {
        let all = || self.used.iter().map(|used| &used.demand);
        self.always = Always {
            processors: all().map(|demand| demand.idle).sum(),
            memory: all().map(|demand| demand.memory).sum(),
            exclusive: all().any(|demand| demand.exclusive),
            quiet: all().any(|demand| demand.quiet),
        };
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
            let (logs, reads) = (demand.log != LogUse::Unused, demand.log == LogUse::Reads);
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

    /// Returns the next moment at which there may be more room even if no run ends: a phase starts or ends.
    pub(super) fn next_change(&self, now: Instant) -> Option<Instant> {
        let after = self.levels.iter().find(|level| level.from > now);
        after.map(|level| level.from)
    }

    /// Makes room after parts of a run have ended, perhaps sooner than expected. Returns true if there is more.
    pub(super) fn end(
        &mut self,
        key: usize,
        has_ended: impl Fn(&PhaseOf) -> bool,
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

    /// Keeps the room of labs that should be complete by now and are not. Without this, labs that slow each other down
    /// would make room for even more.
    pub(super) fn prolong(&mut self, now: Instant) {
        let mut news = false;
        for used in &mut self.used {
            news |= used.demand.prolong(now - used.began);
        }
        if news {
            self.level();
        }
    }

    /// Releases what a run used.
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
    use crate::names::ActorName;
    use crate::suite::demand::BusyPhase;

    /// A machine of whose processors runs may use 1.4.
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
            log: LogUse::Unused,
            exclusive: false,
            quiet: false,
        }
    }

    fn share(processors: f64) -> Demand {
        of(vec![phase(0, None, processors)])
    }

    fn logs(log: LogUse, phases: Vec<BusyPhase>) -> Demand {
        Demand { log, ..of(phases) }
    }

    /// Returns how many of the demands are accepted at the same time.
    fn taken(scheduler: &mut Scheduler, needs: &[Demand], now: Instant) -> usize {
        let taken = needs.iter().enumerate();
        taken
            .filter(|(key, demand)| scheduler.take(*key, demand, now))
            .count()
    }

    #[test]
    fn only_small_runs_fit_beside_one_that_fills_the_machine() {
        let (mut scheduler, now) = (Scheduler::new(MACHINE, None), Instant::now());
        assert!(scheduler.take(0, &share(8.0), now));
        assert!(scheduler.take(1, &share(0.1), now));
        assert!(!scheduler.take(2, &share(8.0), now));
        scheduler.give_back(0);
        assert!(scheduler.take(2, &share(8.0), now));
    }

    #[test]
    fn one_run_counts_for_at_most_half_of_the_share() {
        let (mut scheduler, now) = (Scheduler::new(MACHINE, None), Instant::now());
        let much = of(vec![phase(0, None, 1.0); 3]);
        assert_eq!(taken(&mut scheduler, &vec![much; 3], now), 2);
    }

    #[test]
    fn small_runs_fit_until_the_share_is_full() {
        let (mut scheduler, now) = (Scheduler::new(MACHINE, None), Instant::now());
        assert_eq!(taken(&mut scheduler, &vec![share(0.125); 100], now), 11);
    }

    #[test]
    fn the_cost_of_a_waiting_run_counts_too() {
        let (mut scheduler, now) = (Scheduler::new(MACHINE, None), Instant::now());
        let waits = Demand {
            idle: 0.125,
            ..of(Vec::new())
        };
        assert_eq!(taken(&mut scheduler, &vec![waits; 100], now), 11);
    }

    #[test]
    fn runs_fit_until_the_memory_is_full() {
        let (mut scheduler, now) = (Scheduler::new(MACHINE, None), Instant::now());
        let needs = Demand {
            memory: 300.0,
            ..share(0.0)
        };
        assert_eq!(taken(&mut scheduler, &vec![needs; 100], now), 2);
    }

    #[test]
    fn slots_limit_the_number_of_runs_at_once() {
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
    fn a_future_load_keeps_its_room() {
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
        let fills = logs(LogUse::Fills, phases.clone());
        let reads = logs(LogUse::Reads, phases);
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
    fn a_load_that_ends_early_makes_room() {
        let (mut scheduler, now) = (Scheduler::new(MACHINE, None), Instant::now());
        let load = PhaseOf::Actor(ActorName::from("load"));
        let begins = of(vec![BusyPhase {
            of: Some(load.clone()),
            ..phase(0, Some(60), 0.7)
        }]);
        assert_eq!(taken(&mut scheduler, &vec![begins.clone(); 3], now), 2);
        let later = now + Duration::from_secs(2);
        assert!(!scheduler.end(0, |part| *part == PhaseOf::Building, later));
        assert!(!scheduler.take(2, &begins, later));
        assert!(scheduler.end(0, |part| *part == load, later));
        assert!(
            !scheduler.end(0, |part| *part == load, later),
            "nothing changed"
        );
        assert!(scheduler.take(2, &begins, later));
    }

    #[test]
    fn a_lab_that_takes_long_to_build_keeps_its_room_until_it_is_built() {
        let (mut scheduler, now) = (Scheduler::new(MACHINE, None), Instant::now());
        let fills = of(vec![BusyPhase {
            of: Some(PhaseOf::Building),
            ..phase(0, Some(1), 0.7)
        }]);
        assert_eq!(taken(&mut scheduler, &vec![fills.clone(); 3], now), 2);
        for seconds in 1..5 {
            let later = now + Duration::from_secs(seconds);
            scheduler.prolong(later);
            assert!(!scheduler.take(2, &fills, later));
            assert!(
                scheduler
                    .next_change(later)
                    .is_some_and(|next| next > later)
            );
        }
        let later = now + Duration::from_secs(5);
        assert!(scheduler.end(0, |part| *part == PhaseOf::Building, later));
        scheduler.prolong(later + Duration::from_secs(1));
        assert!(scheduler.take(2, &fills, later + Duration::from_secs(1)));
        assert!(!scheduler.take(3, &fills, later + Duration::from_secs(1)));
    }

    #[test]
    fn beside_a_quiet_run_others_take_only_a_part_of_the_machine() {
        let quiet = Demand {
            quiet: true,
            ..share(0.1)
        };
        let (mut scheduler, now) = (Scheduler::new(MACHINE, None), Instant::now());
        // Of 1.4 processors, 1.19 are used beside it, and at most 0.7 by one.
        assert!(scheduler.take(0, &quiet, now));
        assert!(scheduler.take(1, &share(0.65), now));
        assert!(!scheduler.take(2, &share(0.5), now));
        assert!(scheduler.take(2, &share(0.4), now));
        assert!(!scheduler.take(3, &share(0.1), now));
        scheduler.give_back(0);
        assert!(scheduler.take(3, &share(0.2), now));
        assert!(!scheduler.take(4, &quiet, now), "the others take too much");
        assert!(scheduler.take(5, &share(0.05), now));
        scheduler.leave_room(true);
        assert!(!scheduler.take(6, &share(0.05), now));
    }

    #[test]
    fn an_exclusive_run_runs_alone() {
        let (mut scheduler, now) = (Scheduler::new(MACHINE, None), Instant::now());
        let alone = share(0.1).alone();
        assert!(scheduler.take(0, &share(0.1), now));
        assert!(!scheduler.take(1, &alone, now));
        scheduler.give_back(0);
        assert!(scheduler.take(1, &alone, now));
        assert!(!scheduler.take(2, &share(0.1), now));
    }
}
