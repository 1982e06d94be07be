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

/// From this size on a record that has ended is compressed, bytes. Smaller ones are more useful to `grep` than small.
const LARGE: u64 = 1024 * 1024;
/// What is added to the name of a compressed record.
const COMPRESSED: &str = ".gz";
/// As of any file that a program makes (open(2)): the umask takes from it.
const MODE: u32 = 0o666;

/// Writes a record line by line, each with one `write(2)` at once: whenever this process is killed, what it was told is
/// in the file, up to one line that may break off.
#[derive(Debug)]
pub struct RecordWriter {
    path: PathBuf,
    file: File,
}

impl RecordWriter {
    /// Creates the file, in place of one that is there, and writes the header.
    ///
    /// # Errors
    /// Where the file cannot be created or written.
    pub fn create(path: &Path, header: &RecordHeader) -> Result<Self, RecordError> {
        let create = || {
            remove(path)?;
            OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .open(path)
        };
        let file = create().map_err(|source| RecordError::Create {
            path: path.to_owned(),
            source,
        })?;
        let mut writer = Self {
            path: path.to_owned(),
            file,
        };
        let begun = writer.json_line(&HeaderLine::Header(header));
        if begun.is_err() {
            // Without a whole header nobody can read it.
            let _nothing_is_kept = std::fs::remove_file(path);
        }
        begun.map(|()| writer)
    }

    /// Where it is written to; of a spooled one, the folder with words in place of a name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes into a file without a name, which goes with this process unless it is [kept](Self::keep).
    ///
    /// # Errors
    /// Where the system's folder for temporary files cannot be written.
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

    /// Ends a record that has a name. A large one is compressed and then called `PATH.gz`. Gives its path.
    ///
    /// # Errors
    /// Where the compressed file cannot be made or written; the record is then as it was.
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

    /// Gives what was spooled a name, in place of a file that has it; makes the folders above it. A large record is
    /// compressed and then called `PATH.gz`. Gives its path.
    ///
    /// # Errors
    /// Where the folder or the file cannot be made or written.
    pub fn keep(mut self, path: &Path) -> Result<PathBuf, RecordError> {
        remove(path)
            .and_then(|()| self.copy_to(path))
            .map_err(|source| RecordError::Create {
                path: path.to_owned(),
                source,
            })
    }

    /// Copies all lines to a file that appears at once, whole.
    fn copy_to(&mut self, path: &Path) -> io::Result<PathBuf> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut copy = tempfile::Builder::new()
            .permissions(Permissions::from_mode(MODE))
            .tempfile_in(folder)?;
        self.file.rewind()?;
        let mut path = path.to_owned();
        if self.file.metadata()?.len() < LARGE {
            io::copy(&mut self.file, &mut copy)?;
        } else {
            path.as_mut_os_string().push(COMPRESSED);
            let mut encoder = GzEncoder::new(&mut copy, Compression::fast());
            io::copy(&mut self.file, &mut encoder)?;
            encoder.finish()?;
        }
        copy.persist(&path)?;
        Ok(path)
    }

    /// Adds an event: a line as the run told it, with or without its end.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn event_line(&mut self, line: &str) -> Result<(), RecordError> {
        self.line(line.trim_end_matches('\n').as_bytes().to_vec())
    }

    /// Adds the verdict and how the run's process ended: the last line.
    ///
    /// # Errors
    /// Where it cannot be written.
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

/// Removes the record of this name, compressed or not, where there is one.
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
