//! Turns records into results: judges them again, by their own scenario or by a changed one.
//!
//! It needs neither a kernel nor privileges. Records are written in `recording` and rendered by `report`.

mod against;
mod attempts;
mod files;
mod find;
mod gather;
mod merge;
mod rejudge;

use std::path::{Path, PathBuf};

pub(crate) use against::{AgainstError, replay_against};
pub(crate) use find::FindError;
pub use find::find_records;
pub use merge::merged;

use super::record_name::capture_name;
use super::result::SuiteResult;
use crate::record::{Record, RecordError};
use gather::GroupedResults;
use rejudge::{UnparsedRun, rejudge_run, resolved};

/// A record and its path.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct StoredRun {
    pub path: PathBuf,
    pub record: Record,
    /// The capture of the same run, if there is one.
    pub packets: Option<PathBuf>,
}

impl StoredRun {
    /// Reads a record, and finds the capture in the same folder if there is one.
    ///
    /// # Errors
    /// Fails if this program cannot read it.
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        Ok(Self {
            path: path.to_owned(),
            record: Record::read(path)?,
            packets: path.parent().and_then(|folder| capture_in(folder, path)),
        })
    }

    /// Uses this capture, or the one in this folder that is named after the record.
    ///
    /// # Errors
    /// Returns the path that does not exist.
    pub fn with_packets(mut self, packets: &Path) -> Result<Self, PathBuf> {
        let found = if packets.is_dir() {
            capture_in(packets, &self.path).ok_or_else(|| packets.join(capture_name(&self.path)))?
        } else {
            packets.to_owned()
        };
        self.packets = Some(found);
        Ok(self)
    }
}

fn capture_in(folder: &Path, record: &Path) -> Option<PathBuf> {
    let path = folder.join(capture_name(record));
    path.is_file().then_some(path)
}

/// The results of records.
#[derive(Debug, Clone, Default)]
pub struct Replayed {
    /// The results, as of a suite that has just run.
    pub result: SuiteResult,
    /// Notes for the reader, a sentence each, on runs without a record.
    pub notes: Vec<String>,
}

/// Judges records again, each by the scenario that it contains. Records with the same scenario file, text and
/// parameters make one result, with its runs in the order of the file; a run that was recorded twice appears twice.
pub fn replay(records: &[StoredRun]) -> Replayed {
    let mut gathered = GroupedResults::default();
    let judged = records
        .iter()
        .zip(files::behind(records))
        .map(|(stored, place)| {
            let run = resolved(&stored.record).map_err(|why| UnparsedRun {
                spec: place.file.scenario.runs[place.at].clone(),
                why,
            });
            let result = rejudge_run(stored, run);
            (stored, place, result)
        });
    for (place, result) in attempts::joined(judged) {
        gathered.add(place, result);
    }
    gathered.finish()
}
