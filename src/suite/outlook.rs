//! The time that runs will take: they are scheduled as in earnest, with the expected durations, and not made.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::demand::{Demand, expected};
use super::scheduler::Scheduler;
use crate::backend::MachineCapacity;
use crate::scenario::RunSpec;

/// Time for the process, the lab and the end of a run, on top of its load (measured: 0.3 to 0.7 s on two processors).
const AROUND: Duration = Duration::from_millis(500);

/// Estimates the time for these runs, at most `slots` at once.
pub(crate) fn outlook(runs: &[RunSpec], slots: Option<usize>) -> Duration {
    let mut waiting: Vec<(Duration, usize, Demand)> = runs
        .iter()
        .enumerate()
        .map(|(key, spec)| (expected(spec) + AROUND, key, Demand::of(spec)))
        .collect();
    waiting.sort_by_key(|(takes, key, _)| (std::cmp::Reverse(*takes), *key));
    let mut waiting = VecDeque::from(waiting);
    let mut scheduler = Scheduler::new(MachineCapacity::here(), slots);
    let start = Instant::now();
    let mut now = start;
    let mut running: BTreeSet<(Instant, usize)> = BTreeSet::new();
    loop {
        while let Some(at) = waiting
            .iter()
            .position(|(_, key, demand)| scheduler.take(*key, demand, now))
        {
            if let Some((takes, key, _)) = waiting.remove(at) {
                running.insert((now + takes, key));
            }
        }
        let Some(&(ends, key)) = running.first() else {
            return now - start;
        };
        let change = scheduler.next_change(now).filter(|_| !waiting.is_empty());
        match change.filter(|change| *change < ends) {
            Some(change) => now = change,
            None => {
                now = ends;
                running.remove(&(ends, key));
                scheduler.give_back(key);
            }
        }
    }
}
