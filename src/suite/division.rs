//! The division of a suite into shards: how evenly the runs, their processor time and their duration are spread.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::demand::{Demand, load_time};
use super::history::History;
use super::outlook::scheduled;
use super::result::ScenarioFile;
use super::scheduler::Scheduler;
use super::select::Shard;
use crate::backend::MachineCapacity;

/// The speed of the machine on which the costs of runs were measured.
const REFERENCE: f64 = 1.0;

/// The work of the shards of a suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Division {
    /// The number of shards.
    pub shards: u32,
    /// Runs in the smallest and in the largest shard.
    pub runs: (usize, usize),
    /// Processor time of the shards with the least and the most.
    pub processor_time: (Duration, Duration),
    /// Processor time of all shards together.
    pub whole: Duration,
    /// Time until the last shard ends, if each has a machine like this one.
    pub slowest: Duration,
}

impl Division {
    /// Returns the mean processor time of the shards, as a share of the largest: 1 if all have the same to do.
    pub(crate) fn evenness(&self) -> f64 {
        let most = self.processor_time.1.as_secs_f64() * f64::from(self.shards);
        match most > 0.0 {
            true => self.whole.as_secs_f64() / most,
            false => 1.0,
        }
    }
}

/// The divisions of some runs, and the number of runs whose use of the machine was recorded.
#[derive(Debug)]
pub(crate) struct Divisions {
    /// All runs.
    pub runs: usize,
    /// Runs with a record; what the others need is estimated.
    pub recorded: usize,
    /// One division for each number of shards.
    pub divisions: Vec<Division>,
}

/// A run with what it needs.
struct Weighed<'a> {
    file: &'a ScenarioFile,
    place: usize,
    demand: Demand,
    takes: Duration,
    processor_time: Duration,
}

/// Divides runs into 1, 2, 4 and more shards, up to `most`. `records` is the folder of an earlier suite.
pub(crate) fn divide(files: &[Arc<ScenarioFile>], records: Option<&Path>, most: u32) -> Divisions {
    let history = History::in_folder(records, REFERENCE);
    let mut recorded = 0;
    let mut runs = Vec::new();
    for file in files {
        for (place, spec) in file.scenario.runs.iter().enumerate() {
            let (demand, takes) = history.estimate(spec);
            let used = history.processor_time(spec);
            recorded += usize::from(used.is_some());
            runs.push(Weighed {
                file,
                place,
                processor_time: used.unwrap_or_else(|| {
                    Duration::try_from_secs_f64(load_time(spec)).unwrap_or_default()
                }),
                demand,
                takes,
            });
        }
    }
    let doubled = std::iter::successors(Some(1_u32), |shards| shards.checked_mul(2));
    let mut counts: Vec<u32> = doubled.take_while(|shards| *shards < most).collect();
    counts.push(most);
    Divisions {
        runs: runs.len(),
        recorded,
        divisions: counts
            .iter()
            .map(|shards| division(&runs, *shards))
            .collect(),
    }
}

fn division(runs: &[Weighed<'_>], shards: u32) -> Division {
    let shares = (1..=shards).map(|number| {
        let shard = Shard { number, of: shards };
        let is_in = |run: &&Weighed<'_>| {
            let scenario = &run.file.scenario;
            shard.has(scenario, &scenario.runs[run.place].id)
        };
        let share: Vec<&Weighed<'_>> = runs.iter().filter(is_in).collect();
        let processor_time: Duration = share.iter().map(|run| run.processor_time).sum();
        let demands = share.iter().map(|run| (run.takes, run.demand.clone()));
        (
            share.len(),
            processor_time,
            scheduled(
                demands,
                Scheduler::new(MachineCapacity::here().for_real_time(REFERENCE), None),
            ),
        )
    });
    let shares: Vec<(usize, Duration, Duration)> = shares.collect();
    Division {
        shards,
        runs: extremes(shares.iter().map(|share| share.0)),
        processor_time: extremes(shares.iter().map(|share| share.1)),
        whole: shares.iter().map(|share| share.1).sum(),
        slowest: shares.iter().map(|share| share.2).max().unwrap_or_default(),
    }
}

fn extremes<T: Ord + Copy + Default>(values: impl Iterator<Item = T> + Clone) -> (T, T) {
    (
        values.clone().min().unwrap_or_default(),
        values.max().unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario;
    use crate::suite::{ScenarioSource, shipped};

    #[test]
    fn the_shares_of_a_division_add_up_and_more_shards_are_smaller() {
        let file = |source: ScenarioSource| {
            let scenario = scenario::parse(&source.label, &source.text, &Default::default());
            Arc::new(ScenarioFile {
                label: source.label,
                text: source.text,
                set: Default::default(),
                scenario: scenario.unwrap(),
            })
        };
        let files: Vec<Arc<ScenarioFile>> = shipped().into_iter().map(file).collect();
        let divided = divide(&files, None, 3);
        assert_eq!(divided.recorded, 0);
        let shards: Vec<u32> = divided.divisions.iter().map(|one| one.shards).collect();
        assert_eq!(shards, [1, 2, 3]);
        for division in &divided.divisions {
            let shards = usize::try_from(division.shards).unwrap();
            assert!(division.runs.0 * shards <= divided.runs, "{division:?}");
            assert!(division.runs.1 * shards >= divided.runs, "{division:?}");
            assert!(division.processor_time.0 <= division.processor_time.1);
            assert!((0.1..=1.0).contains(&division.evenness()), "{division:?}");
        }
        let [whole, .., three] = divided.divisions.as_slice() else {
            panic!("{divided:?}");
        };
        assert_eq!(whole.runs, (divided.runs, divided.runs));
        assert!(three.processor_time.1 < whole.processor_time.1);
    }
}
