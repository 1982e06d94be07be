//! Attempts at one run, each with a record of its own in one folder, become one result again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::StoredRun;
use super::files::Place;
use crate::suite::result::{RunResult, ScenarioFile};
use crate::suite::retry::{attempt, combine};

/// Which run a record is of: scenario file, which of its runs, which repetition, and in which folder.
type Key = (*const ScenarioFile, usize, Option<u32>, PathBuf);

/// Results with the place of each; of several attempts at a run the last, with the others before it.
pub(super) fn joined<'a>(
    judged: impl Iterator<Item = (&'a StoredRun, Place, RunResult)>,
) -> Vec<(Place, RunResult)> {
    let mut runs: IndexMap<Key, Vec<(u32, Place, RunResult)>> = IndexMap::new();
    for (stored, place, result) in judged {
        let folder = stored.path.parent().unwrap_or(Path::new("")).to_owned();
        let file = Arc::as_ptr(&place.file);
        let key = (file, place.at, result.spec.id.repetition, folder);
        let number = stored.record.header.attempt;
        runs.entry(key).or_default().push((number, place, result));
    }
    runs.into_values().flat_map(one).collect()
}

/// Records of the same attempt are of different suites: each stays for itself.
fn one(mut tries: Vec<(u32, Place, RunResult)>) -> Vec<(Place, RunResult)> {
    tries.sort_by_key(|(number, ..)| *number);
    let in_sequence = (1..)
        .zip(&tries)
        .all(|(expected, (number, ..))| *number == expected);
    if !in_sequence {
        return tries
            .into_iter()
            .map(|(_, place, result)| (place, result))
            .collect();
    }
    let last = tries.pop();
    let earlier = tries.iter().map(|(_, _, result)| attempt(result)).collect();
    last.map(|(_, place, result)| (place, combine(earlier, result)))
        .into_iter()
        .collect()
}
