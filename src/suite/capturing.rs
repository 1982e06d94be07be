//! Keeps the packets of runs: of all, or only of those that did not pass.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

use super::record_name::{capture_name, capture_of};
use crate::record::{CAPTURE, Outcome, RunVerdict, Timeline};
use crate::scenario::RunSpec;

/// The captures to make, and the folder for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Captures {
    #[default]
    None,
    /// One of every run, in this folder, written during the run.
    All(PathBuf),
    /// One of every run; those of runs that passed or are not applicable are discarded. Until the verdict the file
    /// has no name, so it disappears with this process, however that ends.
    OfFailures(PathBuf),
}

/// The capture of a run in progress. If its file cannot be created, that is reported, and the
/// run continues without it.
#[derive(Debug)]
pub(crate) struct Capturing {
    file: io::Result<Option<File>>,
    path: PathBuf,
    always: bool,
}

impl Capturing {
    /// Starts a capture. It is named after the record if that has a name already, but never like the capture of
    /// another run in `taken`.
    pub(crate) fn start(
        captures: &Captures,
        (spec, attempt): (&RunSpec, u32),
        record: Option<&Path>,
        (key, taken): (usize, &mut BTreeMap<PathBuf, usize>),
    ) -> Self {
        let (folder, always) = match captures {
            Captures::None => {
                return Self {
                    file: Ok(None),
                    path: PathBuf::new(),
                    always: false,
                };
            }
            Captures::All(folder) => (folder, true),
            Captures::OfFailures(folder) => (folder, false),
        };
        let name = record.map_or_else(|| capture_of(&spec.id, attempt), capture_name);
        let path = free(&folder.join(name), key, taken);
        taken.insert(path.clone(), key);
        let file = if always {
            create(&path)
        } else {
            tempfile::tempfile()
        };
        Self {
            file: file.map(Some),
            path,
            always,
        }
    }

    /// Returns the file that the worker writes to.
    pub(crate) fn file(&self) -> Option<&File> {
        self.file.as_ref().ok()?.as_ref()
    }

    /// Returns the path of the capture if it was kept, or the reason why it could not be.
    pub(crate) fn end(
        self,
        verdict: &RunVerdict,
        timeline: &Timeline,
    ) -> Result<Option<PathBuf>, String> {
        let lost = timeline.gaps.get(CAPTURE);
        let wanted = self.always || verdict.outcome > Outcome::NotApplicable;
        let path = self.path;
        let kept = self.file.and_then(|file| match file {
            Some(mut file) if wanted && !self.always => {
                file.rewind()?;
                io::copy(&mut file, &mut create(&path)?)?;
                Ok(true)
            }
            // An empty capture of a run that could not start is not kept.
            Some(file) if wanted && file.metadata()?.len() == 0 => {
                let _stays_empty = std::fs::remove_file(&path);
                Ok(false)
            }
            file => Ok(wanted && file.is_some()),
        });
        match kept {
            // What was captured before stays.
            Ok(_) if wanted && lost.is_some() => Err(lost.cloned().unwrap_or_default()),
            Ok(kept) => Ok(kept.then_some(path)),
            Err(_) if !wanted => Ok(None),
            Err(error) => Err(format!(
                "cannot keep the capture {}: {error}",
                path.display()
            )),
        }
    }
}

/// Returns `a.pcapng`, or `a-2.pcapng` if another run of the suite has that.
fn free(path: &Path, key: usize, taken: &BTreeMap<PathBuf, usize>) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let numbered = (2..).map(|number: u32| path.with_file_name(format!("{stem}-{number}.pcapng")));
    std::iter::once(path.to_owned())
        .chain(numbered)
        .find(|path| taken.get(path).is_none_or(|owner| *owner == key))
        .unwrap_or_else(|| path.to_owned())
}

/// Creates a file and the folders above it. An existing file is truncated.
fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    File::create(path)
}
