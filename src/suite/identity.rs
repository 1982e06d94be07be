//! The identity that the shards of one suite share, by which their records are known to belong together.

use std::sync::Arc;

use super::hash::Fnv;
use super::result::ScenarioFile;
use super::select::Shard;
use crate::record::RecordedSuite;

/// The identity of everything that all shards run together, and the number of this shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuiteIdentity {
    id: u64,
    runs: u64,
    shard: Shard,
}

impl SuiteIdentity {
    /// Computes the identity of the selected runs, before they are divided into shards. Another program, text,
    /// parameter or run makes a different suite; the location of the files does not.
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
        // The order in which files were given does not matter.
        runs.sort_unstable();
        let mut id = Fnv::default();
        runs.iter().for_each(|run| id.add(&run.to_string()));
        Self {
            id: id.mixed(),
            runs: runs.len() as u64,
            shard,
        }
    }

    /// Returns the form for a record's header, given how often every run is repeated.
    pub(super) fn recorded(&self, repeat: u32) -> RecordedSuite {
        RecordedSuite {
            id: format!("{:016x}", self.id),
            runs: self.runs * u64::from(repeat.max(1)),
            shard: self.shard.number,
            shards: self.shard.of,
        }
    }
}
