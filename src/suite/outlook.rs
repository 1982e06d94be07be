//! The time that runs will take: they are scheduled as in earnest, with the expected durations, and not made.

use std::cmp::Reverse;
use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::demand::{Demand, load_time};
use super::durations::expected;
use super::scheduler::{ONE_PROCESSOR, Scheduler};
use crate::backend::{Backend, OtherSuites};
use crate::scenario::RunSpec;

/// Time for the process, the lab and the end of a run, on top of its load (measured: 0.3 to 0.7 s on two processors).
const AROUND: Duration = Duration::from_millis(500);

/// Time of a guest, for its start from a snapshot, its lab and its end (measured: 1.2 to 1.6 s of processor time).
const AROUND_GUEST: Duration = Duration::from_millis(1500);
/// Processor time of a load in a guest whose instructions are counted, in that of the same load on this kernel
/// (measured: 8, for up to 2,500 connections per second).
const GUEST_SLOWDOWN: f64 = 8.0;
/// Processor time of a program in such a guest, of which most only start (measured).
const PROGRAM_IN_GUEST: f64 = 0.3;

/// Estimates the time for these runs on a backend, at most `slots` at once, beside the other suites of this user that
/// are on the machine now.
pub(crate) fn outlook(runs: &[RunSpec], backend: &Backend, slots: Option<usize>) -> Duration {
    let estimate = |spec: &RunSpec| match backend.share_of_each_run() {
        None => (expected(spec) + AROUND, Demand::of(spec)),
        // Waiting takes no time there, and work takes more.
        Some(share) if !backend.is_in_real_time() => {
            let programs = spec.workload.commands.len() as f64 * PROGRAM_IN_GUEST;
            let work = GUEST_SLOWDOWN * load_time(spec) + programs;
            let takes = AROUND_GUEST + Duration::try_from_secs_f64(work).unwrap_or_default();
            (takes, Demand::constant(share, ONE_PROCESSOR))
        }
        Some(share) => {
            let takes = expected(spec) + AROUND_GUEST;
            (takes, Demand::constant(share, ONE_PROCESSOR))
        }
    };
    let mut scheduler = Scheduler::new(backend.capacity(backend.speed()), slots);
    if backend.is_in_real_time() {
        scheduler.share_with(OtherSuites::others() + 1);
    }
    scheduled(runs.iter().map(estimate), scheduler)
}

/// Returns the time that runs with these durations and demands take together.
pub(super) fn scheduled(
    runs: impl Iterator<Item = (Duration, Demand)>,
    mut scheduler: Scheduler,
) -> Duration {
    let mut waiting: Vec<(Duration, usize, Demand)> = runs
        .enumerate()
        .map(|(key, (takes, demand))| (takes, key, demand))
        .collect();
    waiting.sort_by_key(|(takes, key, demand)| (Reverse(demand.priority(*takes)), *key));
    let mut waiting = VecDeque::from(waiting);
    let start = Instant::now();
    let mut now = start;
    let mut running: BTreeSet<(Instant, usize)> = BTreeSet::new();
    loop {
        loop {
            let queue = waiting.iter().map(|(_, key, demand)| (*key, demand));
            let Some(at) = scheduler.take_first(queue, now) else {
                break;
            };
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
