//! Whether what a run shall leave can be written, asked before it begins: an hour of measuring is not lost to a mistyped path.
//!
//! Nothing that is there is touched; folders that are missing are made.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// That files can be made in a folder. Tried for real: what permissions say is not the whole truth for root.
pub(super) fn folder(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)?;
    // Without a name (O_TMPFILE, open(2)) where the file system can; else removed at once.
    tempfile::tempfile_in(path).map(drop)
}

/// That a file can be put in place of what is there.
pub(super) fn file(path: &Path) -> io::Result<()> {
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match std::fs::metadata(&path) {
        Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        // To open a pipe would wait for its reader.
        Ok(there) if there.file_type().is_fifo() => Ok(()),
        Ok(there) if !there.is_file() => OpenOptions::new().write(true).open(&path).map(drop),
        Ok(_) | Err(_) => folder(folder_of(&path)),
    }
}

/// The folder that a path is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_stays_as_it_is() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("report.xml");
        std::fs::write(&path, "old").unwrap();
        file(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(std::fs::read_dir(top.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_is_noticed() {
        let top = tempfile::tempdir().unwrap();
        let plain = top.path().join("plain");
        std::fs::write(&plain, "").unwrap();
        for path in [
            top.path(),
            &plain.join("below"),
            Path::new("/proc/nslab/report.xml"),
        ] {
            assert!(file(path).is_err(), "{}", path.display());
        }
        assert!(folder(&plain).is_err());
        file(Path::new("/dev/null")).unwrap();
    }
}
