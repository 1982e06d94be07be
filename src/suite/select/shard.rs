//! Divides a suite among several machines: each run is in exactly one shard, determined by its name alone.
//!
//! The shard follows from a hash of the run's name, not from its number: adding or removing a scenario does
//! not move other runs. Runs that the scenario compares with each other are in the same shard, so that it
//! can judge the comparison.

use std::fmt;
use std::str::FromStr;

use crate::scenario::{RunId, Scenario};
use crate::suite::hash::Fnv;

/// Maximum number of shards: nobody has more machines.
const MOST: u32 = 10_000;

/// One of several shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Its number, from 1.
    pub number: u32,
    /// The number of shards.
    pub of: u32,
}

impl Shard {
    /// A single shard with everything.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// Returns true if a run of a scenario is in this shard.
    pub fn has(self, scenario: &Scenario, run: &RunId) -> bool {
        let mut name = Fnv::default();
        name.add(&scenario.name);
        if scenario.compare.is_empty() {
            name.add(run.variant.as_deref().unwrap_or_default());
        }
        for (parameter, value) in &run.case {
            name.add(parameter);
            name.add(value);
        }
        // Scales the hash to the number of shards: its high bits decide.
        let share = (u128::from(name.mixed()) * u128::from(self.of)) >> 64;
        share + 1 == u128::from(self.number)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text
            .split_once('/')
            .and_then(|(number, of)| Some((number.trim().parse().ok()?, of.trim().parse().ok()?)));
        match numbers {
            Some((number, of)) if (1..=of).contains(&number) && of <= MOST => {
                Ok(Self { number, of })
            }
            Some((0, _)) => Err("shards count from 1: the first of 5 is 1/5".to_owned()),
            Some((number, of)) if of <= MOST => Err(format!(
                "shard {number}/{of} does not exist; write N/OF with N from 1 to OF"
            )),
            Some(_) => Err(format!("at most {MOST} shards")),
            None => Err("write it like 2/5: the second of five".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(name: &str) -> Scenario {
        Scenario {
            name: name.to_owned(),
            title: String::new(),
            claim: None,
            truth: None,
            source: Vec::new(),
            lesson: None,
            tags: Vec::new(),
            exercises: Vec::new(),
            runs: Vec::new(),
            compare: Vec::new(),
            learn: None,
        }
    }

    fn run(scenario: &Scenario, variant: &str) -> RunId {
        RunId {
            scenario: scenario.name.clone(),
            variant: Some(variant.to_owned()),
            case: Vec::new(),
            repetition: None,
        }
    }

    #[test]
    fn every_run_is_in_exactly_one_shard_and_shards_are_about_equal() {
        let mut sizes = [0; 5];
        for number in 0..1000 {
            let scenario = scenario(&format!("scenario-{number}"));
            let run = run(&scenario, "a");
            let shards = (1..=5).filter(|number| {
                Shard {
                    number: *number,
                    of: 5,
                }
                .has(&scenario, &run)
            });
            let shards: Vec<u32> = shards.collect();
            assert_eq!(shards.len(), 1);
            sizes[shards[0] as usize - 1] += 1;
        }
        assert!(
            sizes.iter().all(|size| (150..250).contains(size)),
            "{sizes:?}"
        );
    }

    #[test]
    fn a_name_is_in_the_same_shard_in_every_version_of_this_program() {
        let shard_of = |name: &str| {
            let scenario = scenario(name);
            (1..=8).find(|number| {
                Shard {
                    number: *number,
                    of: 8,
                }
                .has(&scenario, &run(&scenario, "a"))
            })
        };
        let shards = ["exhaustion", "table-full", "tw-recycle-nat"].map(shard_of);
        assert_eq!(shards, [Some(4), Some(4), Some(7)]);
    }

    #[test]
    fn variants_that_are_compared_stay_together_and_others_need_not() {
        let mut compared = scenario("a");
        let names: Vec<String> = (0..20).map(|number| format!("v{number}")).collect();
        let shards = |scenario: &Scenario| {
            let in_first =
                |name: &&String| Shard { number: 1, of: 2 }.has(scenario, &run(scenario, name));
            names.iter().filter(in_first).count()
        };
        assert!((1..20).contains(&shards(&compared)));
        compared.compare = crate::scenario::parse(
            "a.yaml",
            "nodes: { n: {} }\nvariants: { x: {}, y: {} }\ncompare: [x.kernel.log ~ /a/]\n",
            &Default::default(),
        )
        .map(|scenario| scenario.compare)
        .unwrap_or_default();
        assert_eq!(compared.compare.len(), 1);
        assert!([0, 20].contains(&shards(&compared)));
    }

    #[test]
    fn an_invalid_shard_is_refused_with_an_explanation() {
        assert_eq!("2/5".parse(), Ok(Shard { number: 2, of: 5 }));
        for (text, message) in [
            ("0/5", "count from 1"),
            ("6/5", "shard 6/5 does not exist"),
            ("2", "like 2/5"),
            ("2/0", "shard 2/0 does not exist"),
            ("1/20000", "at most"),
        ] {
            let error = text.parse::<Shard>().unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
