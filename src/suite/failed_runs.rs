//! Runs that did not pass and have not passed since: those that `--rerun-failed` runs again.
//!
//! They are kept in one small file in the folder of records, which exists only while there are any. A suite removes
//! those that passed and adds those that did not, or that it did not reach.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::result::{ScenarioFile, SuiteResult};
use super::select::SelectError;
use crate::input_file;
use crate::record::Outcome;
use crate::scenario::RunId;

/// The file's name in the folder of records.
const FILE: &str = "failed.json";
/// The version of the file; others are not read.
const VERSION: u32 = 1;

/// The largest such file, bytes: a hundred thousand runs.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Runs that did not pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRuns {
    version: u32,
    runs: BTreeSet<FailedRun>,
}

/// One such run: the path of its scenario, the parameters set, and its identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct FailedRun {
    path: String,
    set: BTreeMap<String, String>,
    run: RunId,
}

impl FailedRun {
    fn of(file: &ScenarioFile, id: &RunId) -> Self {
        Self {
            path: plain(&file.label).to_owned(),
            set: file.set.clone(),
            run: RunId {
                repetition: None,
                ..id.clone()
            },
        }
    }
}

fn plain(path: &str) -> &str {
    path.trim_start_matches("./")
}

impl FailedRuns {
    /// Reads the failed runs kept in a folder of records; there are none if the file does not exist.
    ///
    /// # Errors
    /// Fails if the file exists and cannot be read or parsed.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let text = match input_file::read(&folder.join(FILE), LARGEST) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            other => other?,
        };
        let read: Self = serde_json::from_slice(&text)?;
        if read.version == VERSION {
            return Ok(read);
        }
        Err(io::Error::other(format!(
            "its version is {}, but this program supports version {VERSION}; remove it",
            read.version
        )))
    }

    /// Returns true if there are none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Returns the files of their scenarios, each once, as they were given.
    pub fn files(&self) -> Vec<PathBuf> {
        let paths: BTreeSet<&str> = self.runs.iter().map(|run| run.path.as_str()).collect();
        paths.into_iter().map(PathBuf::from).collect()
    }

    pub(super) fn has(&self, file: &ScenarioFile, id: &RunId) -> bool {
        self.runs.contains(&FailedRun::of(file, id))
    }

    /// Reports runs that did not pass with other parameters than the files now have.
    pub(super) fn with_other_parameters(&self, files: &[Arc<ScenarioFile>]) -> Vec<SelectError> {
        let other = |run: &&FailedRun| {
            let same = |file: &&Arc<ScenarioFile>| plain(&file.label) == run.path;
            files
                .iter()
                .find(same)
                .is_some_and(|file| file.set != run.set)
        };
        let error = |run: &FailedRun| SelectError::OtherParameters {
            run: run.run.to_string(),
            set: match run.set.len() {
                0 => vec!["no --set".to_owned()],
                _ => run
                    .set
                    .iter()
                    .map(|(name, value)| format!("--set {name}={value}"))
                    .collect(),
            },
        };
        self.runs.iter().filter(other).map(error).collect()
    }

    /// Updates the failed runs kept in a folder with the results of a suite.
    ///
    /// # Errors
    /// Fails if the file cannot be read or written.
    pub fn update(folder: &Path, result: &SuiteResult) -> io::Result<()> {
        let before = Self::read(folder)?;
        let mut after = before.clone();
        after.version = VERSION;
        let (mut passed, mut not) = (BTreeSet::new(), BTreeSet::new());
        for scenario in &result.scenarios {
            for run in &scenario.runs {
                let id = FailedRun::of(&scenario.file, &run.spec.id);
                let _known = match run.verdict.outcome {
                    Outcome::Passed
                    | Outcome::Flaky
                    | Outcome::Skipped
                    | Outcome::NotApplicable => passed.insert(id),
                    Outcome::Inconclusive | Outcome::Failed | Outcome::Errored => not.insert(id),
                };
            }
        }
        not.extend(
            result
                .not_run
                .iter()
                .map(|(file, id)| FailedRun::of(file, id)),
        );
        after.runs.retain(|run| !passed.contains(run));
        after.runs.extend(not);
        if after.runs == before.runs {
            return Ok(());
        }
        if after.is_empty() {
            return std::fs::remove_file(folder.join(FILE));
        }
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut file, &after)?;
        file.write_all(b"\n")?;
        file.persist(folder.join(FILE))?;
        Ok(())
    }
}
