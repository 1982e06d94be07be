//! From records to results: what was recorded is judged again, as it was or against a changed scenario file.
//!
//! Needs no kernel and no privileges. Not here: how records are written (`recording`), how results look (`report`).

mod again;
mod against;
mod files;
mod find;
mod gather;
mod merge;
mod tries;

use std::path::{Path, PathBuf};

pub use against::{AgainstError, replay_against};
pub use find::{FindError, find_records};
pub use merge::{MergeError, merged};

use super::record_name::capture_name;
use super::result::SuiteResult;
use crate::record::{Record, RecordError};
use again::{Unknown, judge_again, resolved};
use gather::Gathered;

/// A record and where it was read from.
#[derive(Debug, Clone)]
pub struct StoredRun {
    /// The file.
    pub path: PathBuf,
    /// What is in it.
    pub record: Record,
    /// The capture of the same run, where there is one.
    pub packets: Option<PathBuf>,
}

impl StoredRun {
    /// Reads a record. Its packets are in the capture beside it, where there is one.
    ///
    /// # Errors
    /// Where it is none that this program can read.
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        Ok(Self {
            path: path.to_owned(),
            record: Record::read(path)?,
            packets: path.parent().and_then(|folder| capture_in(folder, path)),
        })
    }

    /// Takes the packets from this capture, or from the one in this folder that is called as the record is.
    ///
    /// # Errors
    /// What was looked for in vain.
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

/// What records came to.
#[derive(Debug, Clone, Default)]
pub struct Replayed {
    /// As of a suite that had just run.
    pub result: SuiteResult,
    /// What a reader must know beside it, a sentence each: runs of which there is no record.
    pub notes: Vec<String>,
}

/// Judges records again, each by the scenario that it holds. Records of one scenario file, text and parameters make one
/// result, its runs in the order of the file; of a run that was recorded twice, there are two.
pub fn replay(records: &[StoredRun]) -> Replayed {
    let mut gathered = Gathered::default();
    let judged = records
        .iter()
        .zip(files::behind(records))
        .map(|(stored, place)| {
            let run = resolved(&stored.record).map_err(|why| Unknown {
                spec: place.file.scenario.runs[place.at].clone(),
                why,
            });
            let result = judge_again(stored, run);
            (stored, place, result)
        });
    for (place, result) in tries::joined(judged) {
        gathered.add(place, result);
    }
    gathered.finish()
}
