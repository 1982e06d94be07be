//! The record file: a run with its scenario and its verdict, kept to be judged and shown again elsewhere.
//!
//! `NAME.nslab.jsonl`, JSON lines: a header, the run's events exactly as they came, the verdict. `docs/record.md` is its
//! reference. What the scenario was is kept as JSON values: a record outlives the code that parsed its scenario.

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
/// could misread what a newer one wrote; fields that may be ignored come without.
pub const RECORD_VERSION: u32 = 1;

/// The first line of a record: what was to be run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordHeader {
    /// Version of the format.
    pub version: u32,
    /// Version of the program that wrote it.
    pub nslab: String,
    /// The suite that it was run in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<RecordedSuite>,
    /// Which attempt at the run, from 1: more than one where it was tried again.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub attempt: u32,
    /// What was run.
    pub scenario: RecordedScenario,
}

/// The suite of a record: what its shards have in common, and which of them this was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedSuite {
    /// The same for suites of the same runs, scenario texts, parameters and program.
    pub id: String,
    /// Runs of all shards together.
    pub runs: u64,
    /// Which shard, from 1.
    pub shard: u32,
    /// Of how many.
    pub shards: u32,
}

fn first() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_first(attempt: &u32) -> bool {
    *attempt == first()
}

/// The scenario of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedScenario {
    /// The file, as it was named on the command line.
    pub path: String,
    /// The file's text, whole.
    pub text: String,
    /// Parameters that the command line set.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Which of its variants was run, where it has any.
    pub variant: Option<String>,
    /// Which case of its matrix: parameter and value, in the order of the file.
    pub case: Vec<(String, String)>,
    /// The run as meant, everything resolved: a `RunSpec`.
    pub resolved: Value,
    /// What is claimed of the variants together: a list of `Expectation`.
    pub compare: Value,
}

impl RecordHeader {
    /// The header of a record that this program writes.
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

/// The header's line.
#[derive(Debug, Serialize, Deserialize)]
enum HeaderLine<T> {
    #[serde(rename = "nslab-record")]
    Header(T),
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
struct VerdictLine<T> {
    verdict: T,
    #[serde(default)]
    process: Option<ProcessEnd>,
}

/// How the process of a run ended, which it could not tell itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessEnd {
    /// From its start to its end, nanoseconds.
    pub took: u64,
    /// Processor time of the run's processes, nanoseconds, where it came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u64>,
    /// The most bytes of memory that one of them had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// The last lines of its standard error, where it died.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_words: Vec<String>,
}

/// Why a record could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file could not be created.
    #[error("create the record `{}`", path.display())]
    Create {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line could not be written.
    #[error("write the record `{}`", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file could not be read as a record.
    #[error("read the record `{}`", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: UnreadableRecord,
    },
}

/// Why something could not be read as a record.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableRecord {
    /// It could not be opened, or not read from its start.
    #[error("open it")]
    Open(#[source] std::io::Error),
    /// There is nothing in it.
    #[error("find anything in it: it is empty")]
    Empty,
    /// The first line is something else.
    #[error("recognise it: its first line is not the header of an nslab record")]
    NotARecord(#[source] serde_json::Error),
    /// It was written by a program that knows more.
    #[error(
        "understand it: it has version {version} of the format, written by nslab {nslab}, and this is nslab {}, \
         which reads versions up to {RECORD_VERSION}; use nslab {nslab} or newer",
        env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// Version of the format.
        version: u32,
        /// Version of the program that wrote it.
        nslab: String,
    },
    /// A line is broken.
    #[error(transparent)]
    Line(#[from] ReadError),
    /// Something follows on the verdict, which is the last line.
    #[error("make sense of line {line}: it comes after the verdict, which is the last")]
    AfterVerdict {
        /// From 1.
        line: u64,
    },
}
