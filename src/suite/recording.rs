//! Keeps the records of runs: of all if asked to, else only of those that did not pass.

use std::path::{Path, PathBuf};

use super::record_name;
use super::result::{RunResult, ScenarioFile};
use crate::causes::chain;
use crate::record::{
    Outcome, ProcessEnd, RecordError, RecordHeader, RecordWriter, RecordedScenario, RecordedSuite,
};
use crate::scenario::RunSpec;

/// The records to keep, and the folder for them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Records {
    /// Every record, in this folder, written during the run.
    All(PathBuf),
    /// Records of runs that did not pass, in this folder. A run that is not applicable has none.
    OfFailures(PathBuf),
    None,
}

impl Records {
    /// Returns the same choice with a subfolder, if there is a name for it.
    pub fn below(&self, name: Option<&str>) -> Self {
        match (self, name) {
            (Self::All(folder), Some(name)) => Self::All(folder.join(name)),
            (Self::OfFailures(folder), Some(name)) => Self::OfFailures(folder.join(name)),
            (other, _) => other.clone(),
        }
    }

    /// Returns the folder of records, if any are kept.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::All(folder) | Self::OfFailures(folder) => Some(folder),
            Self::None => None,
        }
    }
}

impl Default for Records {
    fn default() -> Self {
        Self::OfFailures("nslab-out".into())
    }
}

/// The run of a record, and the records to keep.
#[derive(Debug)]
pub(crate) struct RecordTarget<'a> {
    pub(crate) records: &'a Records,
    pub(crate) file: &'a ScenarioFile,
    pub(crate) suite: Option<RecordedSuite>,
    /// The number of the attempt at the run, from 1.
    pub(crate) attempt: u32,
}

/// The record of a run in progress. A full disk ends the record, not the run.
#[derive(Debug)]
pub(crate) struct Recording {
    state: Result<Option<RecordWriter>, RecordError>,
    folder: PathBuf,
    /// Present if the record gets its name only once it is kept: the name is derived from this.
    header: Option<RecordHeader>,
    always: bool,
}

impl Recording {
    pub(crate) fn start(target: RecordTarget<'_>, spec: &RunSpec) -> Self {
        let (folder, always) = match target.records {
            Records::All(folder) => (folder.clone(), true),
            Records::OfFailures(folder) => (folder.clone(), false),
            Records::None => {
                return Self {
                    state: Ok(None),
                    folder: PathBuf::new(),
                    header: None,
                    always: false,
                };
            }
        };
        // Attempts after one that did not pass are kept too, because they explain each other.
        let again = target.attempt > 1;
        let header = header(target, spec);
        let always_kept = always || again;
        Self {
            state: begin(&folder, always_kept, &header).map(Some),
            folder,
            header: (!always_kept).then_some(header),
            always: always_kept,
        }
    }

    /// Returns its path, if it has a name already.
    pub(crate) fn path(&self) -> Option<&Path> {
        let writer = self.state.as_ref().ok()?.as_ref()?;
        self.always.then_some(writer.path())
    }

    /// Adds a line exactly as the run wrote it.
    pub(crate) fn line(&mut self, line: &str) {
        if let Ok(Some(writer)) = &mut self.state
            && let Err(error) = writer.event_line(line)
        {
            self.state = Err(error);
        }
    }

    /// Ends the record with the verdict. Returns its path if it was kept, or the reason why it could not be.
    pub(crate) fn end(self, result: &RunResult) -> Result<Option<PathBuf>, String> {
        let wanted = self.always || result.verdict.outcome > Outcome::NotApplicable;
        // In virtual time, the host's time is not recorded: the same run gives the same record.
        let took = result.timeline.virtual_time().unwrap_or(result.took);
        let process = ProcessEnd {
            took: crate::units::as_nanos(took),
            cpu: result.timeline.used.map(|(cpu, _)| cpu),
            memory: result.timeline.used.map(|(_, memory)| memory),
            last_words: result.last_words.clone(),
        };
        let end = |writer: Option<RecordWriter>| {
            let Some(mut writer) = writer.filter(|_| wanted) else {
                return Ok(None);
            };
            writer.verdict(&result.verdict, process)?;
            let Some(header) = &self.header else {
                return writer.end().map(Some);
            };
            let path = record_name::place(&self.folder, header);
            record_name::remove_later_attempts(&self.folder, header);
            writer.keep(&path).map(Some)
        };
        match self.state.and_then(end) {
            Ok(path) => Ok(path),
            // A failure to write a record that is not needed is not reported.
            Err(_) if !wanted => Ok(None),
            Err(error) => Err(format!("cannot {}", chain(&error))),
        }
    }
}

fn begin(folder: &Path, always: bool, header: &RecordHeader) -> Result<RecordWriter, RecordError> {
    if !always {
        return RecordWriter::spool(header);
    }
    std::fs::create_dir_all(folder).map_err(|source| RecordError::Create {
        path: folder.to_owned(),
        source,
    })?;
    let path = record_name::place(folder, header);
    record_name::remove_later_attempts(folder, header);
    RecordWriter::create(&path, header)
}

fn header(target: RecordTarget<'_>, spec: &RunSpec) -> RecordHeader {
    let file = target.file;
    RecordHeader {
        suite: target.suite,
        attempt: target.attempt,
        ..RecordHeader::new(RecordedScenario {
            path: file.label.clone(),
            text: file.text.clone(),
            set: file.set.clone(),
            variant: spec.id.variant.clone(),
            case: spec.id.case.clone(),
            resolved: serde_json::to_value(spec).unwrap_or_default(),
            compare: serde_json::to_value(&file.scenario.compare).unwrap_or_default(),
        })
    }
}
