//! A student's progress: one plain file, safe against a corrupt file and against several sessions at once.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::guess::Guess;
use crate::{input_file, user_folders};

/// The version of the file's format.
const FORMAT: u32 = 1;
/// The largest file that is read, bytes: hundreds of times one with every lesson.
const LARGEST: u64 = 4 * 1024 * 1024;
/// The time to wait for another session that is writing.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// Everything that the file holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AllProgress {
    pub format: u32,
    pub lessons: BTreeMap<String, LessonProgress>,
}

/// The progress in one lesson.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LessonProgress {
    /// The step to go on with, from 0.
    pub step: usize,
    /// The number of steps when it was last open.
    pub steps: usize,
    /// True after the last step.
    pub done: bool,
    /// The seed of the student's numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The predictions so far, by name.
    pub guesses: BTreeMap<String, Guess>,
    /// The sentences written at `why?`, by the number of the step.
    pub whys: BTreeMap<usize, String>,
    /// For each revealed prediction, the parts that are right and all parts.
    pub results: BTreeMap<String, (usize, usize)>,
    /// The hints that were asked for.
    pub hints: usize,
}

/// The reason why progress is not kept.
#[derive(Debug, Error)]
pub enum ProgressError {
    /// There is no folder for it.
    #[error("neither HOME nor XDG_STATE_HOME is set")]
    NoFolder,
    /// Another session does not let go of the file.
    #[error("another process has locked {0}")]
    Locked(PathBuf),
    /// The file cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// The file that progress is kept in.
#[derive(Debug, Clone)]
pub struct ProgressFile(PathBuf);

impl ProgressFile {
    /// Names a file.
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Finds the user's file: `$XDG_STATE_HOME/nslab/learn.json`, else `~/.local/state/nslab/learn.json` (XDG Base
    /// Directory Specification).
    ///
    /// # Errors
    /// If the user has no such folder.
    pub fn of_user() -> Result<Self, ProgressError> {
        let folder = user_folders::state().ok_or(ProgressError::NoFolder)?;
        Ok(Self(folder.join("nslab/learn.json")))
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads the file. One that is missing or corrupt counts as empty.
    pub fn read(&self) -> AllProgress {
        let text = input_file::read_text(&self.0, LARGEST).unwrap_or_default();
        parse(&text).unwrap_or_default()
    }

    /// Changes the progress in one lesson, and returns a note if the file was corrupt. Other lessons keep what other
    /// sessions have written.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn update(
        &self,
        lesson: &str,
        progress: &LessonProgress,
    ) -> Result<Option<String>, ProgressError> {
        let write = |source| ProgressError::Write {
            path: self.0.clone(),
            source,
        };
        let folder = self.0.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(write)?;
        let _lock = self.lock().map_err(|error| match error {
            None => ProgressError::Locked(self.0.clone()),
            Some(error) => write(error),
        })?;
        let text = match input_file::read(&self.0, LARGEST) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(write(error)),
        };
        let (mut all, note) = match parse(&text) {
            Some(all) => (all, None),
            None if text.trim().is_empty() => (AllProgress::default(), None),
            None => {
                let kept = self.0.with_extension("json.corrupt");
                fs::rename(&self.0, &kept).map_err(write)?;
                let note = format!(
                    "{} was not readable; it is kept as {}, and a new one begins",
                    self.0.display(),
                    kept.display()
                );
                (AllProgress::default(), Some(note))
            }
        };
        all.format = FORMAT;
        all.lessons.insert(lesson.to_owned(), progress.clone());
        let text = serde_json::to_string_pretty(&all).map_err(|error| write(error.into()))?;
        // A reader sees the old file or the new one, never half of one.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(write)?;
        file.write_all(text.as_bytes()).map_err(write)?;
        file.write_all(b"\n").map_err(write)?;
        file.persist(&self.0).map_err(|error| write(error.error))?;
        Ok(note)
    }

    /// Locks the file against other sessions until the lock is dropped.
    fn lock(&self) -> Result<File, Option<io::Error>> {
        let path = self.0.with_extension("lock");
        let file = File::options().create(true).append(true).open(path)?;
        let until = Instant::now() + LOCK_TIMEOUT;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(Some(error)),
                Err(TryLockError::WouldBlock) if Instant::now() >= until => return Err(None),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }
}

fn parse(text: &str) -> Option<AllProgress> {
    let progress: AllProgress = serde_json::from_str(text).ok()?;
    (progress.format == FORMAT).then_some(progress)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(step: usize) -> LessonProgress {
        LessonProgress {
            step,
            ..LessonProgress::default()
        }
    }

    #[test]
    fn a_corrupt_file_is_kept_aside_and_a_new_one_begins() {
        let folder = tempfile::tempdir().unwrap();
        let file = ProgressFile::at(folder.path().join("learn.json"));
        for broken in ["{", "[]", "{\"format\": 99, \"lessons\": {}}", "\u{0}"] {
            fs::write(file.path(), broken).unwrap();
            assert!(file.read().lessons.is_empty());
            let note = file.update("a", &at(3)).unwrap().unwrap();
            assert!(note.contains("learn.json.corrupt"), "{note}");
            assert_eq!(file.read().lessons["a"].step, 3);
            let kept = fs::read_to_string(folder.path().join("learn.json.corrupt")).unwrap();
            assert_eq!(kept, broken);
        }
    }

    #[test]
    fn sessions_at_once_do_not_lose_each_others_lessons() {
        let folder = tempfile::tempdir().unwrap();
        let file = ProgressFile::at(folder.path().join("deep/learn.json"));
        std::thread::scope(|scope| {
            for session in 0..8 {
                let file = file.clone();
                scope.spawn(move || {
                    for step in 0..10 {
                        file.update(&format!("lesson-{session}"), &at(step))
                            .unwrap();
                    }
                });
            }
        });
        let lessons = file.read().lessons;
        assert_eq!(lessons.len(), 8);
        assert!(lessons.values().all(|lesson| lesson.step == 9));
    }
}
