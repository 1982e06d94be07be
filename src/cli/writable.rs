//! Checks before a run that its files can be written. Existing files are not touched. A missing folder of records is
//! created; one of a report is a mistyped path.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// Checks that files can be created in a folder by creating one, because permissions are not the whole
/// truth for root.
pub(super) fn folder(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)?;
    // The file has no name (O_TMPFILE, open(2)) if the file system supports it, and is removed at once
    // otherwise.
    tempfile::tempfile_in(path).map(drop)
}

/// Checks that a file can be created or replaced.
pub(super) fn file(path: &Path) -> io::Result<()> {
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match std::fs::metadata(&path) {
        Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        // Opening a pipe would wait for its reader.
        Ok(there) if there.file_type().is_fifo() => Ok(()),
        Ok(there) if !there.is_file() => OpenOptions::new().write(true).open(&path).map(drop),
        Ok(_) | Err(_) => {
            let parent = folder_of(&path);
            if !parent.is_dir() {
                let missing = format!("the folder {} does not exist", parent.display());
                return Err(io::Error::new(io::ErrorKind::NotFound, missing));
            }
            folder(parent)
        }
    }
}

/// Returns the folder of a path.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_file_is_not_touched() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("report.xml");
        std::fs::write(&path, "old").unwrap();
        file(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(std::fs::read_dir(top.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_unwritable_path_is_an_error() {
        let top = tempfile::tempdir().unwrap();
        let plain = top.path().join("plain");
        std::fs::write(&plain, "").unwrap();
        for path in [
            top.path(),
            &plain.join("below"),
            Path::new("/proc/nslab/report.xml"),
            &top.path().join("missing/below/report.xml"),
        ] {
            assert!(file(path).is_err(), "{}", path.display());
        }
        assert!(!top.path().join("missing").exists());
        assert!(folder(&plain).is_err());
        file(Path::new("/dev/null")).unwrap();
    }
}
