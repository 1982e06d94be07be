//! Keeps what a run tells: always where it was asked for, else only when the run did not pass.

use std::path::{Path, PathBuf};

use super::result::ScenarioFile;
use crate::record::{
    Outcome, RecordError, RecordHeader, RecordWriter, RecordedScenario, RunVerdict,
};
use crate::scenario::RunSpec;

/// Which records are kept, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Records {
    /// Every one, in this folder, written while the run goes on.
    All(PathBuf),
    /// Those of runs that neither passed nor are not applicable, in this folder.
    OfFailures(PathBuf),
    /// None.
    None,
}

impl Default for Records {
    fn default() -> Self {
        Self::OfFailures("nslab-out".into())
    }
}

/// The record of one run while it goes on. A disk that is full ends the record, not the run.
#[derive(Debug)]
pub(crate) struct Recording {
    state: Result<Option<RecordWriter>, RecordError>,
    path: PathBuf,
    always: bool,
}

impl Recording {
    pub(crate) fn start(records: &Records, file: &ScenarioFile, spec: &RunSpec) -> Self {
        let (folder, always) = match records {
            Records::All(folder) => (folder.as_path(), true),
            Records::OfFailures(folder) => (folder.as_path(), false),
            Records::None => {
                return Self {
                    state: Ok(None),
                    path: PathBuf::new(),
                    always: false,
                };
            }
        };
        let path = folder.join(file_name(spec));
        Self {
            state: begin(&path, always, &header(file, spec)).map(Some),
            path,
            always,
        }
    }

    /// Adds a line as the run told it.
    pub(crate) fn line(&mut self, line: &str) {
        if let Ok(Some(writer)) = &mut self.state
            && let Err(error) = writer.event_line(line)
        {
            self.state = Err(error);
        }
    }

    /// Ends the record with the verdict. Gives the path where it was kept, or why it could not be.
    pub(crate) fn end(self, verdict: &RunVerdict) -> Result<Option<PathBuf>, String> {
        let wanted = self.always || verdict.outcome > Outcome::NotApplicable;
        let end = |writer: Option<RecordWriter>| {
            let Some(mut writer) = writer else {
                return Ok(None);
            };
            writer.verdict(verdict)?;
            match (self.always, wanted) {
                (true, _) => Ok(Some(self.path.clone())),
                (false, true) => writer.keep(&self.path).map(|()| Some(self.path.clone())),
                (false, false) => Ok(None),
            }
        };
        match self.state.and_then(end) {
            Ok(path) => Ok(path),
            // Of a record that nobody asked for or needs, nobody needs to know.
            Err(_) if !wanted => Ok(None),
            Err(error) => Err(super::dispatch::chain(&error)),
        }
    }
}

fn begin(path: &Path, always: bool, header: &RecordHeader) -> Result<RecordWriter, RecordError> {
    if !always {
        return RecordWriter::spool(header);
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|source| RecordError::Create {
            path: folder.to_owned(),
            source,
        })?;
    }
    RecordWriter::create(path, header)
}

fn header(file: &ScenarioFile, spec: &RunSpec) -> RecordHeader {
    RecordHeader::new(RecordedScenario {
        path: file.label.clone(),
        text: file.text.clone(),
        variant: spec.id.variant.clone(),
        case: spec.id.case.clone(),
        resolved: serde_json::to_value(spec).unwrap_or_default(),
        compare: serde_json::to_value(&file.scenario.compare).unwrap_or_default(),
    })
}

/// `exhaustion-reuse-rate=500_s.nslab.jsonl`: what tells runs apart, in characters that every file system takes.
fn file_name(spec: &RunSpec) -> String {
    let case = spec
        .id
        .case
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    let parts: Vec<String> = std::iter::once(spec.id.scenario.clone())
        .chain(spec.id.variant.clone())
        .chain(case)
        .collect();
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "-_=.".contains(c) {
            c
        } else {
            '_'
        }
    };
    format!(
        "{}.nslab.jsonl",
        parts.join("-").chars().map(plain).collect::<String>()
    )
}
