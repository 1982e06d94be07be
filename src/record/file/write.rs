//! Writes a record while its run goes on.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use super::{HeaderLine, ProcessEnd, RecordError, RecordHeader, VerdictLine};
use crate::record::RunVerdict;
use crate::unnamed_file;

/// Size in bytes from which a finished record is compressed. Below that, being readable by `grep` is worth more.
const LARGE: u64 = 1024 * 1024;
/// Appended to the name of a compressed record.
const COMPRESSED: &str = ".gz";
/// Mode of the file before the umask is applied, as programs usually set it (open(2)).
const MODE: u32 = 0o666;

/// Writes a record line by line, each with a single `write(2)`. If this process is killed, everything it was given is
/// in the file, except perhaps part of the last line.
#[derive(Debug)]
pub struct RecordWriter {
    path: PathBuf,
    file: File,
}

impl RecordWriter {
    /// Creates the file, replacing an existing one, and writes the header.
    ///
    /// # Errors
    /// If the file cannot be created or written.
    pub fn create(path: &Path, header: &RecordHeader) -> Result<Self, RecordError> {
        let failed = |source| RecordError::Create {
            path: path.to_owned(),
            source,
        };
        remove(path).map_err(failed)?;
        if let Some(writer) = Self::create_whole(path, header) {
            return Ok(writer);
        }
        let create = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path);
        let mut writer = Self {
            path: path.to_owned(),
            file: create.map_err(failed)?,
        };
        let begun = writer.json_line(&HeaderLine::Header(header));
        if begun.is_err() {
            // Without a complete header nobody can read it.
            let _nothing_is_kept = std::fs::remove_file(path);
        }
        begun.map(|()| writer)
    }

    /// Creates the file with its header, so that it never exists without one. `None` if that fails, as on file systems
    /// that have no unnamed files.
    fn create_whole(path: &Path, header: &RecordHeader) -> Option<Self> {
        let mut writer = Self {
            path: path.to_owned(),
            file: unnamed_file::create(folder_of(path), MODE).ok()?,
        };
        writer.json_line(&HeaderLine::Header(header)).ok()?;
        unnamed_file::link(&writer.file, path).ok()?;
        Some(writer)
    }

    /// Returns the path of the record; for a spooled record, a path in the temporary folder that names no file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Starts a record in an unnamed file, which disappears with this process unless it is [kept](Self::keep).
    ///
    /// # Errors
    /// If the system's folder for temporary files cannot be written.
    pub fn spool(header: &RecordHeader) -> Result<Self, RecordError> {
        let folder = std::env::temp_dir();
        let file = tempfile::tempfile().map_err(|source| RecordError::Create {
            path: folder.clone(),
            source,
        })?;
        let mut writer = Self {
            path: folder.join("(temporary file)"),
            file,
        };
        writer.json_line(&HeaderLine::Header(header))?;
        Ok(writer)
    }

    /// Finishes a named record and returns its path. A large record is compressed, and its path is then `PATH.gz`.
    ///
    /// # Errors
    /// If the compressed file cannot be created or written; the record is then left as it was.
    pub fn end(mut self) -> Result<PathBuf, RecordError> {
        let path = self.path.clone();
        let mut end = || {
            if self.file.metadata()?.len() < LARGE {
                return Ok(path.clone());
            }
            let compressed = self.copy_to(&path)?;
            std::fs::remove_file(&path)?;
            Ok(compressed)
        };
        end().map_err(|source| RecordError::Write {
            path: path.clone(),
            source,
        })
    }

    /// Gives a spooled record a name, replacing an existing file, and creates the folders above it. Returns the path;
    /// a large record is compressed, and its path is then `PATH.gz`.
    ///
    /// # Errors
    /// If the folder or the file cannot be created or written.
    pub fn keep(mut self, path: &Path) -> Result<PathBuf, RecordError> {
        remove(path)
            .and_then(|()| self.copy_to(path))
            .map_err(|source| RecordError::Create {
                path: path.to_owned(),
                source,
            })
    }

    /// Copies all lines to a file, which appears at once and complete.
    fn copy_to(&mut self, path: &Path) -> io::Result<PathBuf> {
        let folder = folder_of(path);
        std::fs::create_dir_all(folder)?;
        let mut path = path.to_owned();
        let large = self.file.metadata()?.len() >= LARGE;
        if large {
            path.as_mut_os_string().push(COMPRESSED);
        }
        // A file without a name disappears if this process is killed.
        if let Ok(mut copy) = unnamed_file::create(folder, MODE) {
            self.copy_lines(&mut copy, large)?;
            if unnamed_file::link(&copy, &path).is_ok() {
                return Ok(path);
            }
        }
        let mut copy = tempfile::Builder::new()
            .permissions(Permissions::from_mode(MODE))
            .tempfile_in(folder)?;
        self.copy_lines(copy.as_file_mut(), large)?;
        copy.persist(&path)?;
        Ok(path)
    }

    fn copy_lines(&mut self, copy: &mut File, compress: bool) -> io::Result<()> {
        self.file.rewind()?;
        if compress {
            let mut encoder = GzEncoder::new(copy, Compression::fast());
            io::copy(&mut self.file, &mut encoder)?;
            encoder.finish()?;
        } else {
            io::copy(&mut self.file, copy)?;
        }
        Ok(())
    }

    /// Adds an event, given as the line that the run wrote, with or without its line end.
    ///
    /// # Errors
    /// If the line cannot be written.
    pub fn event_line(&mut self, line: &str) -> Result<(), RecordError> {
        self.line(line.trim_end_matches('\n').as_bytes().to_vec())
    }

    /// Adds the last line: the verdict, and how the run's process ended.
    ///
    /// # Errors
    /// If the line cannot be written.
    pub fn verdict(
        &mut self,
        verdict: &RunVerdict,
        process: ProcessEnd,
    ) -> Result<(), RecordError> {
        self.json_line(&VerdictLine {
            verdict,
            process: Some(process),
        })
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

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Removes the record with this name, compressed or not, if it exists.
fn remove(path: &Path) -> io::Result<()> {
    let mut compressed = path.to_owned();
    compressed.as_mut_os_string().push(COMPRESSED);
    for path in [path, &compressed] {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
