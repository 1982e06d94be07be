//! Tests of how runs share a machine.

use std::time::{Duration, Instant};

use super::demand::{BusyPhase, Demand, LogUse, PhaseOf};
use super::scheduler::{FILL, Scheduler};
use crate::backend::MachineCapacity;
use crate::names::ActorName;

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
    // The kernel counts messages for five seconds more.
    let phases = vec![phase(0, Some(1), 0.1), phase(60, Some(61), 0.1)];
    let fills = logs(LogUse::Fills, phases.clone());
    let reads = logs(LogUse::Reads, phases);
    assert_eq!(taken(&mut scheduler, &[fills.clone(), fills], now), 2);
    assert!(!scheduler.take(2, &reads, now));
    let soon = now + Duration::from_secs(5);
    assert!(!scheduler.take(2, &reads, soon));
    let after = now + Duration::from_secs(6);
    assert!(scheduler.take(2, &reads, after));
    assert!(
        !scheduler.take(3, &reads, after),
        "another reader fills it too"
    );
    assert!(scheduler.take(4, &share(0.1), after));
}

#[test]
fn messages_that_still_count_keep_no_processor() {
    let (mut scheduler, now) = (Scheduler::new(MACHINE, None), Instant::now());
    let fills = logs(LogUse::Fills, vec![phase(0, Some(1), 0.7)]);
    assert_eq!(taken(&mut scheduler, &vec![fills.clone(); 3], now), 2);
    assert!(scheduler.take(2, &fills, now + Duration::from_secs(1)));
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
    let queue = [(4, quiet), (6, share(0.05))];
    let queue = queue.iter().map(|(key, demand)| (*key, demand));
    assert_eq!(
        scheduler.take_first(queue, now),
        None,
        "one that is quiet waits"
    );
}

#[test]
fn others_leave_room_for_a_run_that_will_fit_soon() {
    let (mut scheduler, now) = (Scheduler::new(MACHINE, None), Instant::now());
    let for_seconds = |until, processors| of(vec![phase(0, Some(until), processors)]);
    assert!(scheduler.take(0, &for_seconds(60, 0.5), now));
    assert!(scheduler.take(1, &for_seconds(3, 0.4), now));
    let queue = [(2, for_seconds(5, 0.7)), (3, for_seconds(5, 0.2))];
    let queue = || queue.iter().map(|(key, demand)| (*key, demand));
    let soon = now + Duration::from_secs(2);
    assert_eq!(scheduler.take_first(queue(), soon), None);
    assert_eq!(
        scheduler.take_first(queue(), now),
        Some(1),
        "it will not fit soon"
    );
    scheduler.give_back(3);
    let then = now + Duration::from_secs(3);
    assert_eq!(scheduler.take_first(queue(), then), Some(0));
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
