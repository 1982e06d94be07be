//! Joins the attempts at one run, each with its own record in one folder, into one result.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::StoredRun;
use super::files::RunInFile;
use crate::suite::result::{RunResult, ScenarioFile};
use crate::suite::retry::{attempt, combine};

/// Identifies the run of a record: scenario file, index of the run, repetition, folder.
type Key = (*const ScenarioFile, usize, Option<u32>, PathBuf);

/// Returns the results with their runs; of several attempts at a run the last, with the others
/// as its earlier attempts.
pub(super) fn joined<'a>(
    judged: impl Iterator<Item = (&'a StoredRun, RunInFile, RunResult)>,
) -> Vec<(RunInFile, RunResult)> {
    let mut runs: IndexMap<Key, Vec<(u32, RunInFile, RunResult)>> = IndexMap::new();
    for (stored, place, result) in judged {
        let folder = stored.path.parent().unwrap_or(Path::new("")).to_owned();
        let file = Arc::as_ptr(&place.file);
        let key = (file, place.at, result.spec.id.repetition, folder);
        let number = stored.record.header.attempt;
        runs.entry(key).or_default().push((number, place, result));
    }
    runs.into_values().flat_map(one).collect()
}

/// Records of the same attempt come from different suites and stay separate.
fn one(mut tries: Vec<(u32, RunInFile, RunResult)>) -> Vec<(RunInFile, RunResult)> {
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
