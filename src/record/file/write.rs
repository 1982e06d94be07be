//! Writes a record while its run goes on.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{HeaderLine, RecordError, RecordHeader, VerdictLine};
use crate::record::RunVerdict;

/// Writes a record line by line, each with one `write(2)` at once: whenever this process is killed, what it was told is
/// in the file, up to one line that may break off.
#[derive(Debug)]
pub struct RecordWriter {
    path: PathBuf,
    file: File,
}

impl RecordWriter {
    /// Creates the file, or empties it, and writes the header.
    ///
    /// # Errors
    /// Where the file cannot be created or written.
    pub fn create(path: &Path, header: &RecordHeader) -> Result<Self, RecordError> {
        let file = File::create(path).map_err(|source| RecordError::Create {
            path: path.to_owned(),
            source,
        })?;
        let mut writer = Self {
            path: path.to_owned(),
            file,
        };
        writer.json_line(&HeaderLine::Header(header))?;
        Ok(writer)
    }

    /// Writes into a file without a name, which goes with this process unless it is [kept](Self::keep).
    ///
    /// # Errors
    /// Where the system's folder for temporary files cannot be written.
    pub fn spool(header: &RecordHeader) -> Result<Self, RecordError> {
        let path = std::env::temp_dir();
        let file = tempfile::tempfile().map_err(|source| RecordError::Create {
            path: path.clone(),
            source,
        })?;
        let mut writer = Self { path, file };
        writer.json_line(&HeaderLine::Header(header))?;
        Ok(writer)
    }

    /// Gives what was spooled a name; makes the folders above it.
    ///
    /// # Errors
    /// Where the folder or the file cannot be made or written.
    pub fn keep(mut self, path: &Path) -> Result<(), RecordError> {
        let mut copy = || {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            self.file.rewind()?;
            io::copy(&mut self.file, &mut File::create(path)?)
        };
        copy().map(drop).map_err(|source| RecordError::Create {
            path: path.to_owned(),
            source,
        })
    }

    /// Adds an event: a line as the run told it, with or without its end.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn event_line(&mut self, line: &str) -> Result<(), RecordError> {
        self.line(line.trim_end_matches('\n').as_bytes().to_vec())
    }

    /// Adds the verdict, which ends the record.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn verdict(&mut self, verdict: &RunVerdict) -> Result<(), RecordError> {
        self.json_line(&VerdictLine::Verdict(verdict))
    }

    fn json_line(&mut self, value: &impl Serialize) -> Result<(), RecordError> {
        match serde_json::to_vec(value) {
            Ok(bytes) => self.line(bytes),
            Err(source) => Err(self.failed(source.into())),
        }
    }

    fn line(&mut self, mut bytes: Vec<u8>) -> Result<(), RecordError> {
        bytes.push(b'\n');
        self.file
            .write_all(&bytes)
            .map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> RecordError {
        RecordError::Write {
            path: self.path.clone(),
            source,
        }
    }
}
