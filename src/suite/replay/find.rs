//! Finds the record files that the user names.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::suite::record_name::EXTENSION;

/// Maximum number of records in one folder; more do not fit into a report.
const MOST_FILES: usize = 10_000;

/// An error in finding records.
#[derive(Debug, Error)]
pub enum FindError {
    /// A folder cannot be read.
    #[error("cannot read the folder {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The folder contains no records.
    #[error(
        "no records (*{EXTENSION}, *{EXTENSION}.gz) below {}; `nslab run --record DIR` keeps them", path.display()
    )]
    Empty { path: PathBuf },
    /// The folder contains more records than fit into a report.
    #[error("more than {MOST_FILES} records below {}; name the ones you want", path.display())]
    TooMany { path: PathBuf },
}

/// Returns the named files, and all records below the named folders in order of path.
///
/// # Errors
/// Returns an error for every folder without records.
pub fn find_records(names: &[PathBuf]) -> Result<Vec<PathBuf>, Vec<FindError>> {
    let (mut files, mut errors) = (Vec::new(), Vec::new());
    for name in names {
        if !name.is_dir() {
            files.push(name.clone());
            continue;
        }
        match below(name) {
            Ok(found) if found.is_empty() => errors.push(FindError::Empty { path: name.clone() }),
            Ok(found) => files.extend(found),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(files)
    } else {
        Err(errors)
    }
}

fn below(top: &Path) -> Result<Vec<PathBuf>, FindError> {
    let (mut files, mut folders) = (Vec::new(), vec![top.to_owned()]);
    while let Some(folder) = folders.pop() {
        let failed = |source| FindError::Read {
            path: folder.clone(),
            source,
        };
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // Links to folders are not followed: they could form a loop.
            if entry.file_type().map_err(failed)?.is_dir() {
                folders.push(entry.path());
            } else if is_record(&entry.path()) {
                files.push(entry.path());
            }
        }
        if files.len() > MOST_FILES {
            return Err(FindError::TooMany {
                path: top.to_owned(),
            });
        }
    }
    files.sort();
    Ok(files)
}

fn is_record(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.trim_end_matches(".gz").ends_with(EXTENSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_its_records_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("deep");
        std::fs::create_dir(&deep).unwrap();
        for name in ["b.nslab.jsonl", "a.jsonl", "a.nslab.jsonl.gz", "x.yaml"] {
            std::fs::write(deep.join(name), "").unwrap();
        }
        let found = find_records(&[folder.path().to_owned()]).unwrap();
        assert_eq!(
            found,
            [deep.join("a.nslab.jsonl.gz"), deep.join("b.nslab.jsonl")]
        );
    }

    #[test]
    fn a_folder_without_records_is_an_error_and_a_file_is_taken_at_its_word() {
        let folder = tempfile::tempdir().unwrap();
        let errors = find_records(&[folder.path().to_owned(), "any.txt".into()]).unwrap_err();
        assert!(errors[0].to_string().contains("--record DIR"), "{errors:?}");
        assert_eq!(find_records(&["any.txt".into()]).unwrap().len(), 1);
    }
}
