//! What the shards of one suite have in common, so that their records are known to belong together.

use std::sync::Arc;

use super::hash::Fnv;
use super::result::ScenarioFile;
use super::select::Shard;
use crate::record::RecordedSuite;

/// Everything that is to be run, by all shards together, and which of them this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuiteIdentity {
    id: u64,
    runs: u64,
    shard: Shard,
}

impl SuiteIdentity {
    /// Of everything that is wanted, before it is shared out. Another program, text, parameter or run makes another suite;
    /// where the files lie does not.
    pub(super) fn of(files: &[Arc<ScenarioFile>], shard: Shard) -> Self {
        let mut runs: Vec<u64> = Vec::new();
        for file in files {
            let mut text = Fnv::default();
            text.add(env!("CARGO_PKG_VERSION"));
            text.add(&file.text);
            for (name, value) in &file.set {
                text.add(name);
                text.add(value);
            }
            for run in &file.scenario.runs {
                let mut hash = text;
                hash.add(&run.id.to_string());
                runs.push(hash.mixed());
            }
        }
        // In whatever order they were given.
        runs.sort_unstable();
        let mut id = Fnv::default();
        runs.iter().for_each(|run| id.add(&run.to_string()));
        Self {
            id: id.mixed(),
            runs: runs.len() as u64,
            shard,
        }
    }

    /// As the head of a record has it, where every run is repeated so often.
    pub(super) fn recorded(&self, repeat: u32) -> RecordedSuite {
        RecordedSuite {
            id: format!("{:016x}", self.id),
            runs: self.runs * u64::from(repeat.max(1)),
            shard: self.shard.number,
            shards: self.shard.of,
        }
    }
}
