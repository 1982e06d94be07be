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

/// Returns the results with their runs; several attempts at a run become one
/// result, that of the last attempt, which lists the others as earlier attempts.
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
    runs.into_values().flat_map(join).collect()
}

/// Records of the same attempt come from different suites and stay separate.
fn join(mut attempts: Vec<(u32, RunInFile, RunResult)>) -> Vec<(RunInFile, RunResult)> {
    attempts.sort_by_key(|(number, ..)| *number);
    let in_sequence = (1..)
        .zip(&attempts)
        .all(|(expected, (number, ..))| *number == expected);
    if !in_sequence {
        return attempts
            .into_iter()
            .map(|(_, place, result)| (place, result))
            .collect();
    }
    let last = attempts.pop();
    let earlier = attempts
        .iter()
        .map(|(_, _, result)| attempt(result))
        .collect();
    last.map(|(_, place, result)| (place, combine(earlier, result)))
        .into_iter()
        .collect()
}
