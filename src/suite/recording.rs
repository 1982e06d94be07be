//! Keeps what a run tells: always where it was asked for, else only when the run did not pass.

use std::path::{Path, PathBuf};

use super::record_name;
use super::result::{RunResult, ScenarioFile};
use crate::causes::chain;
use crate::record::{
    Outcome, ProcessEnd, RecordError, RecordHeader, RecordWriter, RecordedScenario, RecordedSuite,
};
use crate::scenario::RunSpec;

/// Which records are target, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Records {
    /// Every one, in this folder, written while the run goes on.
    All(PathBuf),
    /// Those of runs that neither passed nor are not applicable, in this folder.
    OfFailures(PathBuf),
    /// None.
    None,
}

impl Records {
    /// The same in a folder of their own below, where there is a name for it.
    pub fn below(&self, name: Option<&str>) -> Self {
        match (self, name) {
            (Self::All(folder), Some(name)) => Self::All(folder.join(name)),
            (Self::OfFailures(folder), Some(name)) => Self::OfFailures(folder.join(name)),
            (other, _) => other.clone(),
        }
    }

    /// Where records are target, where they are.
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

/// What a record is of, and where it is target.
#[derive(Debug)]
pub(crate) struct RecordTarget<'a> {
    pub(crate) records: &'a Records,
    pub(crate) file: &'a ScenarioFile,
    pub(crate) suite: Option<RecordedSuite>,
    /// Which attempt at the run, from 1.
    pub(crate) attempt: u32,
}

/// The record of one run while it goes on. A disk that is full ends the record, not the run.
#[derive(Debug)]
pub(crate) struct Recording {
    state: Result<Option<RecordWriter>, RecordError>,
    folder: PathBuf,
    /// Where it has a name only once it is to be target: what it is called after.
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
        // What follows on an attempt that did not pass is kept beside it: one explains the other.
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

    /// Where it is, where it has a name already.
    pub(crate) fn path(&self) -> Option<&Path> {
        let writer = self.state.as_ref().ok()?.as_ref()?;
        self.always.then_some(writer.path())
    }

    /// Adds a line as the run told it.
    pub(crate) fn line(&mut self, line: &str) {
        if let Ok(Some(writer)) = &mut self.state
            && let Err(error) = writer.event_line(line)
        {
            self.state = Err(error);
        }
    }

    /// Ends the record with the verdict. Gives the path where it was target, or why it could not be.
    pub(crate) fn end(self, result: &RunResult) -> Result<Option<PathBuf>, String> {
        let wanted = self.always || result.verdict.outcome > Outcome::NotApplicable;
        // In virtual time, how long the host took is no part of what happened: the same run gives the same record.
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
            // Of a record that nobody asked for or needs, nobody needs to know.
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
