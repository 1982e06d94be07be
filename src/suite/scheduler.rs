//! Decides which runs are executed at once. The limit is a share of the processors and of memory, not a number of runs,
//! because runs mostly wait.
//!
//! A run starts if everything that it will need fits, at the times when it will need it. What a run needs
//! is estimated elsewhere (`demand`, `history`).

use std::time::{Duration, Instant};

use super::demand::{Demand, LogUse, PhaseOf};
use crate::backend::MachineCapacity;

/// The share of the processors that runs may use together; beyond it, connections start late.
pub(super) const FILL: f64 = 0.8;
/// The amount counted for a run that keeps one processor busy, so that as many of those fit as there are
/// processors. It is a little less than a processor's share, since sums are rounded.
pub(super) const ONE_PROCESSOR: f64 = FILL * 0.999;
/// Maximum share of that which counts for a single run: a run that uses as much processor time as it can get must leave
/// room for runs that mostly wait.
const FILL_BY_ONE: f64 = 0.5;
/// The share of that which runs may use together while a quiet one is among them, so that it finds a free processor.
const FILL_QUIETLY: f64 = 0.85;
/// Runs at the head of the queue for one of which others leave room.
const NEXT: usize = 3;
/// The time within which there must be room for it, and the number of moments that are looked at.
const SOON: Duration = Duration::from_secs(2);
const LOOKS_AHEAD: u32 = 4;
/// The time from the start of a run during which it leaves processors free for one that waits for them.
const KEPT_FREE: Duration = Duration::from_secs(1);
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
    /// The processors that a run at the head of the queue needs at its start: others leave them free.
    kept_free: f64,
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
    /// Returns true if a run cannot have this log use at this time after its start.
    fn log_is_in_the_way(&self, demand: &Demand, after: Duration) -> bool {
        match demand.log {
            LogUse::Unused => false,
            LogUse::Fills => self.reading > 0 && demand.is_logging(after),
            LogUse::Reads => self.logging > 0 && demand.is_logging(after),
        }
    }

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
            kept_free: 0.0,
        }
    }

    /// Finds the first run of the queue for which there is room, reserves what it needs, and returns its position.
    ///
    /// Others leave room for quiet runs, and for one that will fit soon. Without this, a run that needs much
    /// would start after all that need little.
    pub(super) fn take_first<'d>(
        &mut self,
        queue: impl Iterator<Item = (usize, &'d Demand)> + Clone,
        now: Instant,
    ) -> Option<usize> {
        self.quiet_waits = queue.clone().any(|(_, demand)| demand.quiet);
        let mut kept_free = None;
        for (position, (key, demand)) in queue.enumerate() {
            self.kept_free = kept_free.unwrap_or(0.0);
            if self.take(key, demand, now) {
                return Some(position);
            }
            let is_next = position < NEXT && kept_free.is_none();
            if is_next && self.fits_soon(demand, now) {
                kept_free = Some(self.share(demand, Duration::ZERO));
            }
        }
        None
    }

    /// Returns true if a run that does not fit will do so soon if no other starts.
    fn fits_soon(&self, demand: &Demand, now: Instant) -> bool {
        let mut later = (1..=LOOKS_AHEAD).map(|step| now + step * (SOON / LOOKS_AHEAD));
        later.any(|start| self.fits_beside(demand, start))
    }

    fn has_slot_and_memory(&self, demand: &Demand) -> bool {
        self.used.len() < self.slots
            && self.always.memory + demand.memory <= self.whole.memory
            && !self.always.exclusive
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
            let kept_free = match after < KEPT_FREE {
                true => self.kept_free,
                false => 0.0,
            };
            idle + busy + processors + kept_free <= most
                && !level.is_some_and(|level| level.log_is_in_the_way(demand, after))
        };
        // The use increases only when a phase starts.
        let own = demand.phases.iter().map(|phase| now + phase.from);
        let others = self.levels.iter().map(|level| level.from);
        // This is decided for hundreds of runs whenever something changes; most do not fit at once.
        let mut moments = [now]
            .into_iter()
            .chain(own)
            .chain(others.filter(|from| *from > now));
        self.has_slot_and_memory(demand) && !demand.exclusive && moments.all(fits_at)
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
            let (mut share, mut logging) = (0.0, 0);
            let reads = demand.log == LogUse::Reads;
            for after in demand.changes() {
                let (share_then, logging_then) = (share, logging);
                share = self.share(demand, after);
                logging = i64::from(demand.is_logging(after));
                let turns = logging - logging_then;
                changes.push(Level {
                    from: *began + after,
                    processors: share - share_then,
                    logging: turns,
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
