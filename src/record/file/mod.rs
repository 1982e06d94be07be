//! The record file: a run with its scenario and verdict, to be judged and displayed again elsewhere.
//!
//! The file is `NAME.nslab.jsonl`, in JSON lines: a header, the run's events exactly as they came, the verdict.
//! `docs/record.md` is the reference. The scenario is kept as JSON values, because a record outlives the code that
//! parsed it.

mod read;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::read::ReadError;
pub use read::Record;
pub use write::RecordWriter;

/// The version of the format that this program writes, and the newest that it reads. It rises when an older program
/// could misread what a newer one writes; adding a field that may be ignored does not raise it.
pub const RECORD_VERSION: u32 = 1;

/// The first line of a record: the run, before it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordHeader {
    /// Version of the record format.
    pub version: u32,
    /// Version of the nslab that wrote the record.
    pub nslab: String,
    /// The suite that the run was part of, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<RecordedSuite>,
    /// Number of the attempt, from 1; above 1 for a retry.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub attempt: u32,
    /// The scenario of the run.
    pub scenario: RecordedScenario,
}

/// The suite of a record: what identifies it across its shards, and the shard of this run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedSuite {
    /// Identifier, equal for suites with the same runs, scenario texts, parameters and program.
    pub id: String,
    /// Number of runs in all shards together.
    pub runs: u64,
    /// Number of this shard, from 1.
    pub shard: u32,
    /// Total number of shards.
    pub shards: u32,
}

fn first() -> u32 {
    1
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde requires"
)]
fn is_first(attempt: &u32) -> bool {
    *attempt == first()
}

/// The scenario of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedScenario {
    /// Path of the scenario file as given on the command line.
    pub path: String,
    /// Full text of the file.
    pub text: String,
    /// Parameters set on the command line.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Name of the variant, if the scenario has variants.
    pub variant: Option<String>,
    /// Case of the matrix: pairs of parameter and value, in the order of the file.
    pub case: Vec<(String, String)>,
    /// The resolved run: a `RunSpec`.
    pub resolved: Value,
    /// Expectations that compare variants: a list of `Expectation`.
    pub compare: Value,
}

impl RecordHeader {
    /// Creates the header of a record that this program writes.
    pub fn new(scenario: RecordedScenario) -> Self {
        Self {
            version: RECORD_VERSION,
            nslab: env!("CARGO_PKG_VERSION").to_owned(),
            suite: None,
            attempt: first(),
            scenario,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
enum HeaderLine<T> {
    #[serde(rename = "nslab-record")]
    Header(T),
}

/// The verdict line, which is the last.
#[derive(Debug, Serialize, Deserialize)]
struct VerdictLine<T> {
    verdict: T,
    #[serde(default)]
    process: Option<ProcessEnd>,
}

/// The end of a run's process, which the process itself cannot report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessEnd {
    /// Wall time from its start to its end, nanoseconds.
    pub took: u64,
    /// Processor time of the run's processes in nanoseconds, if the run came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u64>,
    /// Peak memory of the largest process in bytes, if the run came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Last lines of its standard error, if it died.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_words: Vec<String>,
}

/// A record could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file could not be created.
    #[error("create the record `{}`", path.display())]
    Create {
        /// Path of the record.
        path: PathBuf,
        /// Error of the file system.
        source: std::io::Error,
    },
    /// A line could not be written.
    #[error("write the record `{}`", path.display())]
    Write {
        /// Path of the record.
        path: PathBuf,
        /// Error of the file system.
        source: std::io::Error,
    },
    /// The file could not be read as a record.
    #[error("read the record `{}`", path.display())]
    Read {
        /// Path of the record.
        path: PathBuf,
        /// The reason it cannot be read.
        source: UnreadableRecord,
    },
}

/// The reason why something cannot be read as a record. Completes "cannot".
#[derive(Debug, thiserror::Error)]
pub enum UnreadableRecord {
    /// The file cannot be opened, or its first bytes cannot be read.
    #[error("open it")]
    Open(#[source] std::io::Error),
    /// The file is empty.
    #[error("read it: it is empty")]
    Empty,
    /// The first line is not the header of a record.
    #[error("recognise it: its first line is not the header of an nslab record")]
    NotARecord(#[source] serde_json::Error),
    /// A newer program wrote it, in a version of the format that this one does not support.
    #[error(
        "read it: it has format version {version}, written by nslab {nslab}; this is nslab {}, which reads versions up \
        to {RECORD_VERSION}; use nslab {nslab} or newer",
        env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// Version of the format of the record.
        version: u32,
        /// Version of the nslab that wrote it.
        nslab: String,
    },
    /// A line cannot be parsed.
    #[error(transparent)]
    Line(#[from] ReadError),
    /// A line follows the verdict, which must be the last.
    #[error("accept line {line}: it comes after the verdict, which must be the last line")]
    AfterVerdict {
        /// Line number, from 1.
        line: u64,
    },
}
